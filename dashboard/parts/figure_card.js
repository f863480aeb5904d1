// How is an exhibit drawn and taken away? Its drawing is fetched once by its digest; Plotly then changes what differs, and zoom stays.

const COLOURS = ["--st-text-color", "--st-border-color", "--st-background-color", "--st-secondary-background-color"]
const MOST_DRAWINGS = 60
const drawings = (window.drawings ??= new Map()) // by digest: promises of { data, layout }, the latest used last

/** The page's colours and font as a Plotly template. */
function template(element) {
  const style = getComputedStyle(element)
  const [text, border, background, second] = COLOURS.map((name) => style.getPropertyValue(name).trim())
  const axis = { gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, automargin: true }
  const solid = { gridcolor: second, zerolinecolor: second, linecolor: second, showbackground: false } // WebGL ignores alpha
  const scene = { xaxis: solid, yaxis: solid, zaxis: solid }
  return {
    layout: {
      font: { color: text, family: style.getPropertyValue("--st-font"), size: 13 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: second, bordercolor: border, font: { color: text } },
      xaxis: axis,
      yaxis: axis,
      scene,
      annotationdefaults: { font: { color: text } },
    },
    background,
  }
}

/** Plotly, which comes with the first exhibit. */
function plotly(url) {
  window.plotlyComes ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: url })
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => reject(new Error(`${url} did not come`))
    document.head.append(script)
  })
  return window.plotlyComes
}

/** The drawing behind the digest; undefined where the server keeps it no more. */
async function drawing({ digest, folder, inline }) {
  const fetched = async () => {
    if (inline) return inline
    const answer = await fetch(`${folder}/${digest}.json`)
    return answer.ok ? answer.text() : undefined
  }
  const comes = drawings.get(digest) ?? fetched()
  drawings.delete(digest)
  drawings.set(digest, comes)
  if (drawings.size > MOST_DRAWINGS) drawings.delete(drawings.keys().next().value)
  const text = await comes
  if (text === undefined) drawings.delete(digest)
  return text && JSON.parse(text)
}

async function draw(plot) {
  const { exhibit } = plot
  const { digest, marks } = exhibit
  const [Plotly, found] = await Promise.all([plotly(exhibit.plotly), plot.digest === digest ? null : drawing(exhibit)])
  if (exhibit !== plot.exhibit) return // another one was asked for meanwhile
  if (found === undefined) return exhibit.ask("missing", digest)
  const colours = template(plot)
  const theme = JSON.stringify(colours)
  const before = plot.digest
  const shapes = JSON.parse(marks)
  if (before === digest && plot.theme === theme) {
    if (plot.marks !== marks) await Plotly.relayout(plot, { shapes }) // a selection moved: a fifth of a redraw
    plot.marks = marks
    return
  }
  const { data, layout } = found ?? (await drawing(exhibit))
  Object.assign(plot, { digest, marks, theme, evidence: layout.images?.at(-1).source })
  Object.assign(layout, { shapes, template: { layout: colours.layout }, autosize: true })
  await Plotly.react(plot, data, layout, { displaylogo: false, displayModeBar: false, scrollZoom: false })
  await cover(plot)
  if (before) return
  const listen = () => (plot.isConnected ? cover(plot) : removeEventListener("cover", listen))
  addEventListener("cover", listen)
  plot.on("plotly_click", ({ points }) => plot.exhibit.choose(points[0].customdata))
  for (const turned of ["plotly_relayouting", "plotly_relayout"]) plot.on(turned, (change) => turnOthers(plot, change))
  let width = plot.clientWidth
  new ResizeObserver(() => {
    if (!plot.clientWidth || plot.clientWidth === width) return
    width = plot.clientWidth
    Plotly.Plots.resize(plot)
  }).observe(plot)
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(draw, 300, plot))
}

/** Surfaces on one page are seen from one side: turning one turns the others. */
function turnOthers(plot, change) {
  const camera = change["scene.camera"]
  if (!camera || plot.turnedBy === JSON.stringify(camera)) return // its own turn, or the echo of another's
  for (const other of document.querySelectorAll(".exhibit .plot")) {
    if (other === plot || !other.layout?.scene) continue
    other.turnedBy = JSON.stringify(camera)
    window.Plotly.relayout(other, { "scene.camera": camera })
  }
}

/** The evidence over a photograph as the evidence sliders ask: how much of it covers, and from which share of the strongest on. */
async function cover(plot) {
  const { maxAlpha } = plot.exhibit
  if (maxAlpha === null || !window.cover) return
  const { opacity, threshold } = window.cover
  const least = maxAlpha * Math.sqrt(threshold / 100)
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
    const { name, digest, folder } = plot.exhibit
    if (format === "csv") return save(`${folder}/${digest}.csv`, `${name}.csv`)
    const layout = { ...plot.layout, paper_bgcolor: template(plot).background }
    const { width, height } = plot.getBoundingClientRect()
    const size = { format, width, height, scale: format === "png" ? 3 : 1 }
    save(await window.Plotly.toImage({ data: plot.data, layout }, size), `${name}.${format}`)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const plot = parentElement.querySelector(".plot")
  const choose = (point) => data.clickable && point !== undefined && setTriggerValue("point", point)
  plot.exhibit = { ...data, choose, ask: setTriggerValue }
  plot.setAttribute("aria-label", data.alt)
  plot.style.aspectRatio = data.shape ?? "" // at once: nothing below moves when the drawing comes
  plot.style.height = data.shape ? "" : `${data.height}px`
  plot.classList.toggle("clickable", data.clickable)
  for (const part of ["message", "caption", "origin", "words"]) parentElement.querySelector(`.${part}`).textContent = data[part]
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = saver(plot, button.dataset.format)
    button.setAttribute("aria-label", `${button.textContent}: ${button.title} (${data.name})`)
  }
  draw(plot)
}
