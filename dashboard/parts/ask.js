// What does a person expect? Heights that one draws or drags, or one of several options; nothing of the truth is here.

const SVG = "http://www.w3.org/2000/svg"
const MARGIN = { left: 64, right: 24, top: 16, bottom: 56 }

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.textContent = text
  return made
}

/** From heights to shares of the scale, 0 at its foot, and back. */
function scaleOf({ low, high, log }) {
  const [to, from] = log ? [Math.log10, (power) => 10 ** power] : [(value) => value, (value) => value]
  const [foot, top] = [to(low), to(high)]
  return {
    share: (value) => (to(value) - foot) / (top - foot),
    value: (share) => from(foot + Math.min(1, Math.max(0, share)) * (top - foot)),
    ticks: log
      ? Array.from({ length: Math.floor(top) - Math.ceil(foot) + 1 }, (_, i) => Math.ceil(foot) + i)
          .filter((power) => power % Math.ceil((top - foot) / 8) === 0)
          .map((power) => 10 ** power)
      : Array.from({ length: 6 }, (_, i) => low + (i * (high - low)) / 5),
  }
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" }

function written(value) {
  if (!value || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e4)) return String(Number(value.toPrecision(3)))
  const [digits, power] = value.toExponential(1).split("e")
  const raised = [...String(Number(power))].map((sign) => RAISED[sign]).join("")
  return `${Number(digits) === 1 ? "" : `${Number(digits)} × `}10${raised}`
}

function levels(root, state, data, changed) {
  const scale = scaleOf(data)
  const svg = element("svg", { role: "group", "aria-label": data.quantity })
  root.replaceChildren(svg)
  const draw = (focus) => {
    const { width, height } = svg.getBoundingClientRect()
    if (!width) return
    const [wide, tall] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom]
    const x = (i) => MARGIN.left + ((i + 0.5) * wide) / data.positions.length
    const y = (value) => MARGIN.top + (1 - scale.share(value)) * tall
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
    svg.replaceChildren()
    const every = Math.ceil(data.positions.length / Math.max(1, Math.floor(wide / 90)))
    for (const tick of scale.ticks) {
      svg.append(element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }))
      svg.append(element("text", { x: MARGIN.left - 8, y: y(tick) + 5, "text-anchor": "end" }, `${written(tick)} ${data.unit}`.trim()))
    }
    data.positions.forEach((name, i) => {
      if (i % every === 0) svg.append(element("text", { x: x(i), y: height - 32, "text-anchor": "middle" }, name))
    })
    svg.append(element("text", { x: MARGIN.left + wide / 2, y: height - 8, "text-anchor": "middle" }, data.axis))
    for (const { name, values, colour } of data.given) {
      const points = values.map((value, i) => `${x(i)},${y(value)}`).join(" ")
      svg.append(element("polyline", { points, fill: "none", stroke: colour, "stroke-width": 3 }))
      const last = element("text", { x: x(values.length - 1), y: y(values.at(-1)) - 10, "text-anchor": "end" }, name)
      svg.append(last)
    }
    if (data.joined) {
      const points = state.heights.map((value, i) => `${x(i)},${y(value)}`).join(" ")
      svg.append(element("polyline", { class: `expected ${state.touched ? "" : "untouched"}`, points }))
    } else {
      const half = Math.min(70, wide / data.positions.length / 3)
      state.heights.forEach((value, i) =>
        svg.append(element("rect", { class: "bar", x: x(i) - half, width: 2 * half, y: y(value), height: MARGIN.top + tall - y(value) })),
      )
    }
    state.heights.forEach((value, i) => {
      const label = `${data.positions[i]} ${data.axis}`.trim()
      const handle = element("circle", {
        class: `handle ${state.touched ? "" : "untouched"}`, cx: x(i), cy: y(value), r: 9, role: "slider", tabindex: i === state.at ? 0 : -1,
        "aria-label": label, "aria-valuemin": data.low, "aria-valuemax": data.high, "aria-valuenow": value,
        "aria-valuetext": `${written(value)} ${data.unit}`.trim(), "aria-orientation": "vertical",
      })
      svg.append(handle)
      if (focus && i === state.at) handle.focus()
    })
    svg.point = ({ clientX, clientY }) => {
      const box = svg.getBoundingClientRect()
      const i = Math.floor(((clientX - box.left - MARGIN.left) * data.positions.length) / wide)
      return [Math.min(data.positions.length - 1, Math.max(0, i)), scale.value(1 - (clientY - box.top - MARGIN.top) / tall)]
    }
  }
  const set = (i, value) => {
    if (!state.touched && data.joined) state.heights.fill(value)
    state.heights[i] = value
    state.touched = true
    state.at = i
  }
  let last = null
  svg.onpointerdown = (event) => {
    svg.setPointerCapture(event.pointerId)
    last = svg.point(event)
    set(...last)
    draw(true)
    changed()
    event.preventDefault()
  }
  svg.onpointermove = (event) => {
    if (!last) return
    const [from, now] = [last, svg.point(event)]
    const steps = Math.abs(now[0] - from[0])
    for (let step = 1; step <= steps; step++) {
      const part = step / steps // a fast stroke leaves no position out
      const share = scale.share(from[1]) + part * (scale.share(now[1]) - scale.share(from[1]))
      set(from[0] + Math.sign(now[0] - from[0]) * step, scale.value(share))
    }
    set(...now)
    last = now
    draw(true)
  }
  svg.onpointerup = svg.onpointercancel = () => (last = null)
  svg.onkeydown = (event) => {
    const step = event.shiftKey ? 0.1 : 0.02
    const share = scale.share(state.heights[state.at])
    const moves = { ArrowUp: step, ArrowDown: -step, PageUp: 0.2, PageDown: -0.2, Home: -1, End: 1 }
    if (event.key in moves) set(state.at, scale.value(share + moves[event.key]))
    else if (event.key === "ArrowRight") state.at = Math.min(state.at + 1, state.heights.length - 1)
    else if (event.key === "ArrowLeft") state.at = Math.max(state.at - 1, 0)
    else return
    event.preventDefault()
    event.stopPropagation() // a tour would take an arrow as its next step
    draw(true)
    changed()
  }
  const watch = new ResizeObserver(() => draw(false))
  watch.observe(svg)
  draw(false)
  return () => watch.disconnect()
}

function pick(root, state, data, changed) {
  const group = document.createElement("div")
  group.className = `options ${data.picture ? "pictured" : ""}`
  group.setAttribute("role", "radiogroup")
  if (data.picture) {
    group.style.backgroundImage = `url("${data.picture}")`
    group.style.gridTemplateColumns = `repeat(${data.columns}, 1fr)`
  }
  data.options.forEach((option, i) => {
    const button = Object.assign(document.createElement("button"), { textContent: option })
    button.setAttribute("role", "radio")
    button.setAttribute("aria-label", option)
    const show = () => {
      for (const other of group.children) {
        other.setAttribute("aria-checked", other === group.children[state.picked ?? -1])
        other.tabIndex = other === group.children[state.picked ?? 0] ? 0 : -1
      }
    }
    button.onclick = () => {
      state.picked = i
      show()
      changed()
    }
    button.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.columns || 1, ArrowUp: -(data.columns || 1) }[event.key]
      const next = step && group.children[i + step]
      if (!next) return
      event.preventDefault()
      event.stopPropagation()
      next.focus()
      next.click()
    }
    group.append(button)
    show()
  })
  root.replaceChildren(group)
  return () => {}
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".ask")
  if (root.asked === data.key) return
  root.asked = data.key
  const middle = data.kind === "levels" ? scaleOf(data).value(0.5) : 0
  const state = { heights: data.positions?.map(() => middle), touched: false, picked: null, at: 0 }
  const reveal = root.querySelector(".reveal")
  root.querySelector(".question").textContent = data.text
  root.querySelector(".how").textContent = {
    levels: data.joined ? "Draw with the mouse or a finger, or use the arrow keys." : "Drag the bars, or use the arrow keys.",
    pick: "Choose one.",
  }[data.kind]
  const changed = () => (reveal.disabled = false)
  reveal.onclick = () => {
    setTriggerValue("answer", data.kind === "levels" ? state.heights : data.options[state.picked])
    document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0 }) // where the answer comes
  }
  return { levels, pick }[data.kind](root.querySelector(".answering"), state, data, changed)
}
