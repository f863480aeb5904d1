// What does the presenter see? Notes of the step that the hall sees, and the clock. The page's address ends with the lecture's id.

const channel = new BroadcastChannel(`resnet-lens-${location.hash.slice(1)}`)
const part = (id) => document.getElementById(id)
let step

function clock(seconds) {
  const rest = Math.floor(Math.abs(seconds))
  return `${seconds < 0 ? "−" : ""}${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`
}

function tick() {
  if (!step) return
  const passed = (Date.now() - step.started) / 1000
  part("clock").textContent = clock(passed)
  const late = passed - 60 * step.until
  const said = late > 0 ? `${clock(late)} behind` : `${clock(-late)} left for this step`
  part("plan").textContent = `step ${step.number} of ${step.titles.length} · ${said} · ${step.total} minutes planned`
}

channel.onmessage = ({ data }) => {
  if (!data.titles) return
  step = data
  part("title").textContent = `${data.number}. ${data.title}`
  part("notes").textContent = data.notes
  part("do").textContent = data.do && `Try: ${data.do}`
  for (const name of ["question", "answer"]) {
    const shown = part(name === "answer" ? "reveal" : name)
    shown.textContent = data[name]
    shown.hidden = !data[name]
  }
  part("text").textContent = `The hall reads: ${data.text}`
  const next = data.titles[data.number]
  part("next").textContent = next ? `Next: ${next}` : "This is the last step."
  tick()
}

const move = (way) => channel.postMessage({ move: way })
part("on").onclick = () => move(1)
part("back").onclick = () => move(-1)
part("restart").onclick = () => channel.postMessage({ restart: true })
addEventListener("keydown", (event) => {
  const way = { PageDown: 1, ArrowRight: 1, " ": 1, PageUp: -1, ArrowLeft: -1 }[event.key]
  if (!way || event.ctrlKey || event.altKey || event.metaKey) return
  event.preventDefault()
  move(way)
})
setInterval(tick, 500)
channel.postMessage({ hello: true })
