/** A photo with boxes around its faces, and one face cut out of it. */

import { address } from "./api.js";
import { h } from "./dom.js";

/** The photo of an item. `chosen` is the number of the face that is meant; `choose` is called with another. */
export function picture(item, chosen, choose) {
  const photo = h("img", { src: address(item.preview), alt: `The photo ${item.filename}`, draggable: false });
  const boxes = item.faces.map((face) => {
    const name = face.person?.name || "unknown";
    const box = h("button", { class: (face.box[0] + face.box[2]) / 2 > face.image_width / 2 ? "face far" : "face", "aria-pressed": String(face.number === chosen),
      "aria-label": `Face ${face.number}, ${name}`, onclick: () => choose(face.number) }, h("span", `${face.number} `, h("bdi", name)));
    const [left, top, right, bottom] = face.box;
    box.style.left = `${(100 * left) / face.image_width}%`;
    box.style.top = `${(100 * top) / face.image_height}%`;
    box.style.width = `${(100 * (right - left)) / face.image_width}%`;
    box.style.height = `${(100 * (bottom - top)) / face.image_height}%`;
    return box;
  });
  const frame = h("div", { class: "frame" }, photo, boxes);
  const shown = h("figure", { class: "photo" }, frame);
  photo.onerror = () => frame.replaceWith(h("p", { class: "no-picture" }, "This file cannot be shown as a picture."));
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
export const image = (path, alt = "", props = {}) => h("img", { src: address(path), alt, loading: "lazy", ...props });

/** Fetch pictures before they are needed. */
export function preload(items) {
  for (const item of items) new Image().src = address(`review/items/${item.id}/preview`);
}
