// How does a lecture go on? Keys and buttons of the bar, the exhibit that is lit up, and the presenter's window that follows.

const TYPED = 'input, textarea, select, [contenteditable=""], [contenteditable="true"]'
const OWN_ARROWS = '[role="slider"], [role="radiogroup"], [role="tab"], [role="listbox"], [role="menu"], [data-testid="stDataFrame"], .plot.clickable:focus-visible'
const PRESSED = 'button, a, summary, [role="button"], [role="checkbox"], [role="switch"]'
const NEXT = ["PageDown", "ArrowRight", " "]
const BACK = ["PageUp", "ArrowLeft"]

const lecture = (window.lecture ??= {}) // what outlives a step: the component may be mounted anew on another page

/** Where a press leads: 1, -1 or 0; a clicker's keys work wherever the focus is. */
function direction({ key, ctrlKey, altKey, metaKey }, target) {
  if (ctrlKey || altKey || metaKey) return 0
  const way = NEXT.includes(key) ? 1 : BACK.includes(key) ? -1 : 0
  if (key.startsWith("Page")) return way
  if (target.closest?.(`${TYPED}, ${OWN_ARROWS}`)) return 0
  return key === " " && target.closest?.(PRESSED) ? 0 : way
}

/** Go one step on or back; a question is answered before the lecture goes on. */
function move(way) {
  const { data, act } = lecture
  if (!data || data.exploring) return
  if (way > 0 && data.question && !data.reveal) return act({ reveal: data.number })
  const number = (lecture.wanted ?? data.number) + way // a second press may come before the first one's page
  if (number < 1 || number > data.titles.length) return
  lecture.wanted = number
  act({ go: number })
}

function onKey(event) {
  const way = direction(event, event.composedPath()[0])
  if (!way || !lecture.data || lecture.data.exploring) return
  event.preventDefault()
  event.stopPropagation()
  move(way)
}

/** Bring the exhibit into sight as soon as the page has drawn it. */
function light(key) {
  lecture.waiting?.disconnect()
  if (!key || lecture.data.exploring) return
  const shown = () => document.querySelector(`.st-key-${CSS.escape(key)}`)
  const scroll = () => shown()?.scrollIntoView({ block: "nearest", behavior: "instant" })
  scroll()
  const deadline = Date.now() + 20_000 // what stands above may still grow
  lecture.waiting = new MutationObserver(() => (Date.now() < deadline ? scroll() : lecture.waiting.disconnect()))
  lecture.waiting.observe(document.querySelector('[data-testid="stMain"]') ?? document.body, { childList: true, subtree: true })
  for (const kind of ["wheel", "pointerdown", "keydown"]) addEventListener(kind, () => lecture.waiting.disconnect(), { once: true })
}

function tellPresenter() {
  const { number, titles, title, text, act, ...rest } = lecture.data
  lecture.channel.postMessage({ number, titles, title, text, started: lecture.started, ...rest })
}

function begin() {
  lecture.id = sessionStorage.lecture ??= crypto.getRandomValues(new Uint32Array(2)).join("")
  lecture.started = Number((sessionStorage.lectureStarted ??= Date.now()))
  lecture.channel = new BroadcastChannel(`resnet-lens-${lecture.id}`)
  lecture.channel.onmessage = ({ data }) => {
    if (data.hello && lecture.data) tellPresenter()
    if (data.move) move(data.move)
    if (data.restart) {
      sessionStorage.lectureStarted = lecture.started = Date.now()
      tellPresenter()
    }
  }
  addEventListener("keydown", onKey, { capture: true })
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!lecture.channel) begin()
  const at = `${data.tour} ${data.number}`
  const arrived = lecture.at !== at || lecture.data?.exploring !== data.exploring
  Object.assign(lecture, { data, at, act: (what) => setTriggerValue("act", what) })
  if (lecture.wanted === data.number || arrived) lecture.wanted = undefined
  const part = (name) => parentElement.querySelector(`[data-part="${name}"]`)
  for (const name of ["title", "text", "do", "question", "reveal"]) {
    part(name).textContent = data[name]
    part(name).hidden = !data[name] || (data.exploring && name !== "title")
  }
  part("number").textContent = `${data.number} / ${data.titles.length}`
  const jump = part("jump")
  jump.replaceChildren(...data.titles.map((title, i) => new Option(`${i + 1}. ${title}`, i + 1, false, i + 1 === data.number)))
  jump.onchange = () => lecture.act({ go: Number(jump.value) })
  part("back").onclick = () => move(-1)
  part("next").onclick = () => move(1)
  part("next").textContent = data.question && !data.reveal ? "Answer" : "Next ›"
  part("back").disabled = data.number === 1
  part("next").disabled = data.number === data.titles.length && !(data.question && !data.reveal)
  part("explore").textContent = data.exploring ? `Back to step ${data.number}` : "Explore from here"
  part("explore").onclick = () => lecture.act(data.exploring ? { go: data.number } : { explore: true })
  part("notes").onclick = () => window.open(`${data.notesPage}#${lecture.id}`, "resnet-lens-notes", "width=760,height=820")
  part("end").onclick = () => {
    delete sessionStorage.lectureStarted
    lecture.data = lecture.at = undefined
    setTriggerValue("act", { end: true })
  }
  const bar = parentElement.querySelector(".lecture")
  bar.classList.toggle("exploring", data.exploring)
  // what the mouse pressed shall not be pressed again by the lecture's next Space
  bar.onclick = (event) => event.detail && event.target.closest("button")?.blur()
  document.documentElement.style.setProperty("--lecture-bar", `${bar.offsetHeight}px`)
  if (arrived) light(data.lookAt)
  tellPresenter()
  return () => {
    if (lecture.data === data) lecture.data = undefined
  }
}
