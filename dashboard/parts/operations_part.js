// Which look at the blocks is drawn? Built anew where the server sends other blocks; else only the pixel moves.

const LOOKS = { pixel: pixelLook }

async function show(root, data, send) {
  const packed = await Promise.all(data.lanes.flatMap(({ maps, channel }) => [packOf(maps, data), packOf(channel, data)]))
  if (root.data !== data) return // another one was asked for meanwhile
  const missing = packed.findIndex((pack) => !pack)
  if (missing >= 0) return send("missing", data.lanes.flatMap(({ maps, channel }) => [maps, channel])[missing])
  const build = () => {
    root.look?.end?.()
    const lanes = data.lanes.map((given, i) => laneOf(given, packed[2 * i], packed[2 * i + 1]))
    const context = { palette: paletteOf(root), photograph: data.photograph, side: data.side, cell: data.cell, choose: send }
    root.look = LOOKS[data.look](root, lanes, context)
  }
  root.build = build
  const identity = JSON.stringify([data.look, data.lanes, data.photograph])
  if (root.identity !== identity) build()
  else if (String(data.cell) !== root.cell) root.look.moved?.(data.cell)
  root.identity = identity
  root.cell = String(data.cell)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".operations")
  root.data = data
  show(root, data, setTriggerValue)
  if (root.listens) return
  root.listens = true
  const theme = matchMedia("(prefers-color-scheme: dark)")
  theme.addEventListener("change", () => root.isConnected && setTimeout(() => root.build?.(), 300))
}
