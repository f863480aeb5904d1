// How does a person take this view along? The address holds it; it goes to the clipboard.

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button")
  const words = button.firstChild
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href)
      words.textContent = "Copied"
    } catch {
      words.textContent = "Copy it from the address bar" // no clipboard without https, or it was refused
    }
    setTimeout(() => (words.textContent = "Copy link"), 2000)
  }
}
