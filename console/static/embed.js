// One script tag puts the callers' page onto any page that the settings allow:
//   <script src="https://desk.example.cn/static/embed.js" async></script>
// A button stands where the tag is; pressed, the page opens below it. Nothing else is loaded, kept
// or told to anybody. data-label names the button otherwise, data-open opens the page at once.
(() => {
  const tag = document.currentScript;
  const chinese = (navigator.language || "zh").toLowerCase().startsWith("zh");
  const title = tag.dataset.label || (chinese ? "联系12355青少年服务台" : "Contact 12355, the youth helpline");
  const place = document.createElement("div");

  const open = () => {
    const frame = document.createElement("iframe");
    frame.src = new URL("/call/", tag.src).href;
    frame.title = title;
    frame.allow = "microphone; autoplay";
    frame.style.cssText = "display:block;width:100%;max-width:42rem;height:44rem;border:1px solid #c9d1d4;";
    place.replaceChildren(frame);
    frame.focus();
  };

  if (tag.dataset.open !== undefined) {
    tag.after(place);
    open();
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = title;
  button.style.cssText = "font:inherit;min-height:3rem;padding:.5rem 1.5rem;";
  button.addEventListener("click", open);
  place.append(button);
  tag.after(place);
})();
