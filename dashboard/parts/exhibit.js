// How is a figure drawn and taken away? Plotly updates the drawing in place: no remount at a change, and zoom stays.

const COLOURS = ["--st-text-color", "--st-border-color", "--st-background-color", "--st-secondary-background-color"]

/** The page's colours and font as a Plotly template. */
function template(element) {
  const style = getComputedStyle(element)
  const [text, border, background, second] = COLOURS.map((name) => style.getPropertyValue(name).trim())
  const axis = { gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, automargin: true }
  return {
    layout: {
      font: { color: text, family: style.getPropertyValue("--st-font"), size: 13 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: second, bordercolor: border, font: { color: text } },
      xaxis: axis,
      yaxis: axis,
      annotationdefaults: { font: { color: text } },
    },
    background,
  }
}

/** Streamlit brings Plotly with the first chart of a page. */
async function plotly() {
  while (!window.Plotly) await new Promise(requestAnimationFrame)
  return window.Plotly
}

async function draw(plot) {
  const Plotly = await plotly()
  const { figure, shape } = plot.exhibit
  const colours = template(plot)
  const { data, layout } = JSON.parse(figure)
  const { shapes = [], ...others } = layout
  const marks = JSON.stringify(shapes)
  const drawn = JSON.stringify([data, others, colours])
  const before = plot.drawn
  plot.drawn = { marks, drawn }
  if (before?.drawn === drawn) {
    if (before.marks !== marks) await Plotly.relayout(plot, { shapes }) // a selection moved: a fifth of a redraw
    return
  }
  plot.evidence = layout.images?.at(-1).source
  layout.template = { layout: colours.layout }
  layout.autosize = true
  plot.style.aspectRatio = shape ?? ""
  plot.style.height = shape ? "" : `${layout.height}px`
  await Plotly.react(plot, data, layout, { displaylogo: false, displayModeBar: false, scrollZoom: false })
  await cover(plot)
  if (before) return
  const listen = () => (plot.isConnected ? cover(plot) : removeEventListener("cover", listen))
  addEventListener("cover", listen)
  plot.on("plotly_click", ({ points }) => plot.exhibit.choose(points[0].customdata))
  let width = plot.clientWidth
  new ResizeObserver(() => {
    if (!plot.clientWidth || plot.clientWidth === width) return
    width = plot.clientWidth
    Plotly.Plots.resize(plot)
  }).observe(plot)
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(draw, 300, plot))
}

/** The evidence over a photograph as the sliders of cover.js ask: how much of it covers, and from which share of the strongest on. */
async function cover(plot) {
  const { strongest } = plot.exhibit
  if (strongest === null || !window.cover) return
  const { opacity, threshold } = window.cover
  const least = strongest * Math.sqrt(threshold / 100)
  const asked = (plot.asked = [plot.evidence, opacity, threshold].join())
  const source = threshold ? await withoutWeak(plot.evidence, least) : plot.evidence
  if (asked !== plot.asked) return // the slider went on meanwhile
  const last = `images[${plot.layout.images.length - 1}]`
  await window.Plotly.relayout(plot, { [`${last}.opacity`]: opacity / 100, [`${last}.source`]: source })
}

/** The picture without the pixels whose alpha is less. */
async function withoutWeak(source, least) {
  const image = new Image()
  image.src = source
  await image.decode()
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height })
  const context = canvas.getContext("2d")
  context.drawImage(image, 0, 0)
  const pixels = context.getImageData(0, 0, image.width, image.height)
  for (let i = 3; i < pixels.data.length; i += 4) if (pixels.data[i] < least) pixels.data[i] = 0
  context.putImageData(pixels, 0, 0)
  return canvas.toDataURL()
}

function save(url, name) {
  const link = document.createElement("a")
  Object.assign(link, { href: url, download: name })
  link.click()
}

function saver(plot, format) {
  return async () => {
    const { name, csv } = plot.exhibit
    if (format === "csv") {
      const url = URL.createObjectURL(new Blob([csv], { type: "text/csv" }))
      save(url, `${name}.csv`)
      URL.revokeObjectURL(url)
      return
    }
    const layout = { ...plot.layout, paper_bgcolor: template(plot).background }
    const { width, height } = plot.getBoundingClientRect()
    const size = { format, width, height, scale: format === "png" ? 3 : 1 }
    save(await window.Plotly.toImage({ data: plot.data, layout }, size), `${name}.${format}`)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const plot = parentElement.querySelector(".plot")
  plot.exhibit = { ...data, choose: (point) => data.clickable && point !== undefined && setTriggerValue("point", point) }
  plot.setAttribute("aria-label", data.alt)
  plot.classList.toggle("clickable", data.clickable)
  parentElement.querySelector(".origin").textContent = data.origin
  parentElement.querySelector(".words").textContent = data.words
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = saver(plot, button.dataset.format)
    button.setAttribute("aria-label", `${button.textContent}: ${button.title} (${data.name})`)
  }
  draw(plot)
}
