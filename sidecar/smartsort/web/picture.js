/** A photo with boxes around its faces, and one face cut out of it. */

import { address } from "./api.js";
import { h } from "./dom.js";

/** The photo of an item. `chosen` is the number of its face that is meant. `choose` takes another. */
export function picture(item, chosen, choose) {
  const photo = h("img", { src: address(item.preview), alt: `The photo ${item.filename}`, draggable: false });
  const boxes = item.faces.map((face) => {
    const name = face.person?.name || "unknown";
    const box = h(face.box[0] + face.box[2] > face.image_width ? "button.face.far" : "button.face", { "aria-pressed": String(face.number === chosen),
      "aria-label": `Face ${face.number}, ${name}`, onclick: () => choose(face.number) }, h("span", `${face.number} `, h("bdi", name)));
    const [left, top, right, bottom] = face.box;
    const part = (length, whole) => `${(100 * length) / whole}%`;
    const { image_width: wide, image_height: high } = face;
    Object.assign(box.style, { left: part(left, wide), top: part(top, high), width: part(right - left, wide), height: part(bottom - top, high) });
    return box;
  });
  const frame = h("div.frame", photo, boxes);
  const shown = h("figure.photo", frame);
  photo.onerror = () => frame.replaceWith(h("p.no-picture", "This file cannot be shown as a picture."));
  return shown;
}

/** A face cut out of the preview, with some of what is around it. */
export function crop(item, face) {
  const canvas = h("canvas", { width: 320, height: 320, role: "img", "aria-label": `Face ${face.number} of ${item.filename}` });
  const photo = new Image();
  photo.onload = () => {
    const [left, top, right, bottom] = face.box;
    const scale = photo.naturalWidth / face.image_width;
    const side = Math.min(Math.max(right - left, bottom - top) * 1.6 * scale, photo.naturalWidth, photo.naturalHeight);
    const inside = (middle, length) => Math.max(0, Math.min(middle * scale - side / 2, length - side));
    const x = inside((left + right) / 2, photo.naturalWidth);
    const y = inside((top + bottom) / 2, photo.naturalHeight);
    canvas.getContext("2d").drawImage(photo, x, y, side, side, 0, 0, canvas.width, canvas.height);
  };
  photo.src = address(item.preview);
  return canvas;
}

/** A picture that is fetched once it comes into sight. */
export const image = (path, alt = "") => h("img", { src: address(path), alt, loading: "lazy" });

/** A person's face, or a plus. */
export const portrait = (person) => (person.to_come ? h("span.plus", { "aria-hidden": "true" }, "+") : image(`people/${person.id}/thumbnail`));

/** Fetch pictures before they are needed. */
export function preload(items) {
  for (const item of items) new Image().src = address(`review/items/${item.id}/preview`);
}
