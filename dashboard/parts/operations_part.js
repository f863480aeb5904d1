// Which look at the blocks is drawn? Built anew where the server sends other blocks; else only the pixel moves.

const LOOKS = { pixel: pixelLook, residual: residualLook, kernel: kernelLook, norm: normLook, relu: reluLook, field: fieldLook }

async function show(root, data, send) {
  const digests = data.lanes.flatMap(({ maps, channel, pack }) => [maps, channel, pack])
  const packed = await Promise.all(digests.map((digest) => digest && packOf(digest, data)))
  if (root.data !== data) return // another one was asked for meanwhile
  const missing = digests.find((digest, i) => digest && !packed[i])
  if (missing) return send("missing", missing)
  const build = () => {
    root.look?.end?.()
    const lanes = data.lanes.map((given, i) => laneOf(given, ...packed.slice(3 * i, 3 * i + 3)))
    const context = { palette: paletteOf(root), photograph: data.photograph, side: data.side, cell: data.cell, pinned: data.pinned, choose: send }
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
