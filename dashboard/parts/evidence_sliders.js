// How much of a photograph does evidence cover? Every figure of the page hears it at once; the server, when a slider is let go.

export default function ({ data, parentElement, setStateValue }) {
  const sliders = [...parentElement.querySelectorAll("input")]
  const tell = () => {
    window.cover = Object.fromEntries(sliders.map(({ name, value }) => [name, Number(value)]))
    for (const slider of sliders) slider.nextElementSibling.textContent = `${slider.value} %`
    dispatchEvent(new Event("cover"))
  }
  for (const slider of sliders) {
    slider.value = data[slider.name]
    slider.oninput = tell
    slider.onchange = () => setStateValue(slider.name, Number(slider.value))
  }
  tell()
  return () => delete window.cover
}
