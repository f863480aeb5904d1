// One network's block in the browser: fetched once by its digests, then played with.

const MOST_PACKS = 24
const packs = (window.packedBlocks ??= new Map()) // by digest: promises, the latest used last

async function inflated(base64) {
  const zipped = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  return new Response(new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
}

/** What is packed behind the digest; undefined where the server keeps it no more. */
async function packOf(digest, { folder, inline }) {
  const fetched = async () => {
    if (inline[digest]) return inflated(inline[digest])
    const response = await fetch(`${folder}/${digest}.bin`)
    return response.ok ? response.arrayBuffer() : undefined
  }
  const pack = packs.get(digest) ?? fetched().then((bytes) => bytes && unpacked(bytes))
  packs.delete(digest)
  packs.set(digest, pack)
  if (packs.size > MOST_PACKS) packs.delete(packs.keys().next().value)
  const found = await pack
  if (!found) packs.delete(digest)
  return found
}

/** A lane with its convolutions, each with what it reads and writes. */
function laneOf(given, maps, channel, pack) {
  const convolution = (facts, name, input) => ({
    ...facts,
    input,
    weight: channel[`weight${name}`],
    sums: asMap(channel[`sums${name}`]),
    normalised: asMap(channel[`normalised${name}`]),
  })
  const convolutions = channel.convolutions.map((facts, i) => convolution(facts, i + 1, maps[`x${i + 1}`]))
  const branch = convolutions.at(-1).normalised
  const shortcut = channel.shortcut && asMap(channel.shortcut)
  const total = shortcut && { ...branch, values: branch.values.map((value, i) => value + shortcut.values[i]) }
  const c = convolutions.at(-1).channel
  const ofX = c % maps.x1.shape[0]
  return {
    ...given,
    pack,
    kind: channel.kind,
    convolutions,
    projection: channel.projection && convolution(channel.projection, "p", maps.x1),
    channelOfX: ofX,
    x: mapOf(maps.x1, ofX),
    shortcut,
    branch,
    total,
    output: asMap(channel.output),
    colour: given.residual ? "residual" : "plain",
  }
}
