// What stands behind "#" in an address never leaves the browser: here it joins the address to come back to.
const { hash } = location;
const joined = address => address.includes("#") ? address : address + hash;
if (hash) {
  for (const field of document.querySelectorAll('input[name="return_to"]')) field.value = joined(field.value);
  for (const link of document.querySelectorAll('a[href*="return_to="]')) {
    const url = new URL(link.href);
    url.searchParams.set("return_to", joined(url.searchParams.get("return_to")));
    link.setAttribute("href", url.pathname + url.search);
  }
}
