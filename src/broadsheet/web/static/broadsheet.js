// A vote without loading the page anew. Whatever goes wrong, the form is sent as it is without us.
"use strict";
document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (form.id !== "ballot" || !button) return;
  event.preventDefault();
  const isUp = button.value === "1";
  button.disabled = true;
  try {
    const answer = await fetch(button.formAction, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams([...new FormData(form), [button.name, button.value]]),
      redirect: "error",
    });
    if (!answer.ok) throw answer.status;
    const { upvotes } = await answer.json();
    button.querySelector(".count").textContent = upvotes.toLocaleString("en");
    button.value = isUp ? "0" : "1";
    button.title = isUp ? "Take your upvote back" : "Upvote";
    button.setAttribute("aria-pressed", String(isUp));
    button.disabled = false;
    button.focus();
  } catch {
    button.disabled = false;
    const sent = document.createElement("input");
    sent.type = "hidden";
    [sent.name, sent.value] = [button.name, button.value];
    form.append(sent);
    form.action = button.formAction;
    form.submit();
  }
});
/* A form that asks for a time zone begins with that of the browser. */
const zone = document.querySelector("select[data-guess]");
if (zone) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some((option) => option.value === here)) zone.value = here;
}
