/** Swipes on a touch screen, each with a word that shows what it will do. */

const FAR = 90;

/** Call `act.right`, `act.left` or `act.up` after a swipe over an element. `says` gives the word of each. */
export function swipes(element, says, act) {
  let from = null;
  const way = (dx, dy) => (Math.hypot(dx, dy) < FAR ? null : Math.abs(dx) > Math.abs(dy) ? (dx > 0 ? "right" : "left") : dy < 0 ? "up" : null);
  const rest = () => {
    from = null;
    element.style.transform = "";
    element.removeAttribute("data-swipe");
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" || !event.isPrimary) return;
    from = { x: event.clientX, y: event.clientY, id: event.pointerId };
  });
  element.addEventListener("pointermove", (event) => {
    if (!from || event.pointerId !== from.id) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.hypot(dx, dy) < 12) return;
    element.setPointerCapture(event.pointerId);
    element.style.transform = `translate(${dx}px, ${Math.min(dy, 0)}px)`;
    const to = way(dx, dy);
    if (to && says[to]) element.setAttribute("data-swipe", says[to]);
    else element.removeAttribute("data-swipe");
  });
  element.addEventListener("pointerup", (event) => {
    if (!from || event.pointerId !== from.id) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    const to = way(dx, dy);
    rest();
    if (to) act[to]?.();
  });
  element.addEventListener("pointercancel", rest);
}
