// How is an exhibit drawn and taken away? Its drawing is fetched once by its digest; Plotly then changes what differs, and zoom stays.

// what a button of "Try this", at the foot of the page, sets is seen at its head
window.showsTries ??= document.addEventListener("click", ({ target }) => {
  if (target.closest?.(".st-key-try-this a")) document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0, behavior: "smooth" })
}) ?? true

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

const presenting = (element) => Boolean(getComputedStyle(element).getPropertyValue("--present"))

/** Type for a hall, in a figure that was made for a desk: at least 18 pixels where the screen is 1920 wide; lines half as thick again. */
function enlarge(part, key = "") {
  if (!part || typeof part !== "object" || ArrayBuffer.isView(part)) return
  const least = Math.max(13, (18 * innerWidth) / 1920)
  if (/font$/i.test(key) && part.size) part.size = Math.max(least, (part.size * 1.45 * innerWidth) / 1920)
  if (key === "line" && part.width) part.width *= 1.5
  if (key === "margin") for (const side of ["t", "b"]) if (part[side]) part[side] = (part[side] * 1.45 * innerWidth) / 1920
  for (const [name, value] of Object.entries(part)) if (name !== "images") enlarge(value, name)
}

/** Lets the arrow keys choose among the points that a click chooses, in their order; the figure is one stop of Tab. */
function walk(plot) {
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step || !plot.exhibit.clickable || !plot.matches(":focus-visible")) return // after a click, arrows are the lecture's
    event.preventDefault()
    const points = [...new Set(plot.data.flatMap(({ customdata }) => [...(customdata ?? [])].flat()))].filter((point) => point != null)
    const at = points.indexOf(plot.chosen)
    plot.chosen = points[at < 0 && step < 0 ? points.length - 1 : Math.min(points.length - 1, Math.max(0, at + step))]
    plot.exhibit.choose(plot.chosen)
  })
}

/** The picture's size. The main one is seen whole without scrolling; another is as high as it was made. */
function size(plot, { shape, height, main }) {
  const wide = matchMedia("(min-width: 641px)").matches
  const top = plot.getBoundingClientRect().top + (document.querySelector('[data-testid="stMain"]')?.scrollTop ?? 0)
  const caption = plot.nextElementSibling.offsetHeight
  const room = Math.max(220, innerHeight - top - caption - 16)
  plot.style.aspectRatio = shape ?? "" // at once: nothing below moves when the drawing comes
  plot.style.height = shape ? "" : `${height}px`
  plot.style.maxWidth = shape && wide ? `${shape * (main ? room : 520)}px` : ""
  if (shape || !main || !wide) return
  plot.style.height = `${presenting(plot) ? room : Math.min(height, room)}px`
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
  Object.assign(layout, { shapes, template: { layout: colours.layout }, autosize: true, height: undefined })
  if (presenting(plot)) enlarge({ data, layout })
  await Plotly.react(plot, data, layout, { displaylogo: false, displayModeBar: false, scrollZoom: false })
  await cover(plot)
  if (before) return
  // what stands above has its height late: sliders mount, sentences wrap
  const around = new ResizeObserver(() => (plot.isConnected ? size(plot, plot.exhibit) : around.disconnect()))
  around.observe(plot.closest(".stMainBlockContainer") ?? document.body)
  const listen = () => (plot.isConnected ? cover(plot) : removeEventListener("cover", listen))
  addEventListener("cover", listen)
  plot.on("plotly_click", ({ points }) => plot.exhibit.choose((plot.chosen = points[0].customdata)))
  walk(plot)
  for (const turned of ["plotly_relayouting", "plotly_relayout"]) plot.on(turned, (change) => turnOthers(plot, change))
  const extent = () => `${plot.clientWidth} ${plot.clientHeight}`
  let drawnAt = extent()
  new ResizeObserver(() => {
    if (!plot.clientWidth || extent() === drawnAt) return
    drawnAt = extent()
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

/** Lines of at most so many characters, as Plotly breaks them. */
function lines(text, most) {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
  return escaped.split(" ").reduce((done, word) => {
    const last = done.at(-1)
    return last !== undefined && last.length + word.length < most ? [...done.slice(0, -1), `${last} ${word}`] : [...done, word]
  }, [])
}

/** The figure with its message above and its source and link below: what is taken away says what it is. */
function labelled(plot, width, height) {
  const { message, origin, words } = plot.exhibit
  const above = lines(message, width / 9)
  const below = lines(`${origin}: ${words} · ResNet Lens · ${location.href}`, width / 6.2)
  const [head, foot] = [above.length * 22 + 14, below.length * 15 + 18]
  const layout = structuredClone(plot.layout)
  const margin = { l: 0, r: 0, t: 0, b: 0, ...plot.layout.margin }
  const axes = plot._fullLayout._size // the margins that the labels took
  layout.margin = { l: axes.l + 14, r: axes.r + 8, t: axes.t + head, b: axes.b + foot, autoexpand: false, pad: margin.pad }
  const drawn = { xref: "paper", yref: "paper", x: 0, xanchor: "left", align: "left", showarrow: false, xshift: -axes.l - 8 }
  layout.annotations = [
    ...(layout.annotations ?? []),
    { ...drawn, text: `<b>${above.join("<br>")}</b>`, y: 1, yanchor: "bottom", yshift: axes.t + 4, font: { size: 16 } },
    { ...drawn, text: below.join("<br>"), y: 0, yanchor: "top", yshift: -axes.b - 6, font: { size: 11 } },
  ]
  const title = layout.title?.text ? { ...layout.title, pad: { ...layout.title.pad, t: (layout.title.pad?.t ?? 0) + head } } : layout.title
  Object.assign(layout, { title, paper_bgcolor: template(plot).background })
  return { figure: { data: plot.data, layout }, height: height + head + foot }
}

function saver(plot, format) {
  return async () => {
    const { name, digest, folder } = plot.exhibit
    if (format === "csv") return save(`${folder}/${digest}.csv`, `${name}.csv`)
    const { width, height } = plot.getBoundingClientRect()
    const picture = labelled(plot, width, height)
    const scale = format === "png" ? 3 : 1
    save(await window.Plotly.toImage(picture.figure, { format, width, height: picture.height, scale }), `${name}.${format}`)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const plot = parentElement.querySelector(".plot")
  const choose = (point) => data.clickable && point !== undefined && setTriggerValue("point", point)
  plot.exhibit = { ...data, choose, ask: setTriggerValue }
  plot.setAttribute("aria-label", data.clickable ? `${data.alt}. Left and right arrow keys choose.` : data.alt)
  if (data.clickable) plot.tabIndex = 0
  plot.classList.toggle("clickable", data.clickable)
  plot.classList.toggle("draws", data.draws)
  plot.closest(".exhibit").classList.toggle("main", data.main)
  for (const part of ["message", "caption", "origin", "words"]) parentElement.querySelector(`.${part}`).textContent = data[part]
  parentElement.querySelector("summary").setAttribute("aria-label", `Source and files of ${data.name}`)
  size(plot, data)
  requestAnimationFrame(() => size(plot, data)) // what stands above may have changed its height meanwhile
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = saver(plot, button.dataset.format)
    button.setAttribute("aria-label", `${button.textContent}: ${button.title} (${data.name})`)
  }
  draw(plot)
}
