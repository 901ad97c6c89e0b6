// Shows what is new: when the log has grown, the page asks for itself again and changes only its main part.
let busy = false;
let again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.querySelector("main");
      if (main) document.querySelector("main").replaceWith(document.adoptNode(main));
    }
  } catch { /* The next change tries again. */ }
  busy = false;
  if (again) { again = false; refresh(); }
}
new EventSource("/changes").addEventListener("grown", refresh);
