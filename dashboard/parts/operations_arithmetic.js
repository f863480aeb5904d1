// What a block computes, number by number, from what the server has sent of it.

/** The facts and the float32 arrays in packed bytes: four bytes of length, JSON, numbers. */
function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true)
  const { facts, arrays } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const array = ([offset, ...shape]) => {
    const size = shape.reduce((product, side) => product * side, 1)
    return { shape, values: new Float32Array(buffer, 4 + length + offset, size) }
  }
  return { ...facts, ...Object.fromEntries(Object.entries(arrays).map(([name, entry]) => [name, array(entry)])) }
}

/** One map of many: { height, width, values }. */
function mapOf({ shape: [, height, width], values }, channel) {
  return { height, width, values: values.subarray(channel * height * width, (channel + 1) * height * width) }
}

function asMap({ shape: [height, width], values }) {
  return { height, width, values }
}

function at(map, row, column) {
  return row >= 0 && column >= 0 && row < map.height && column < map.width ? map.values[row * map.width + column] : 0
}

/** What a kernel meets of one input channel at a position of the output: null outside, where padding stands for zero. */
function windowAt(convolution, channel, row, column) {
  const map = mapOf(convolution.input, channel)
  const side = convolution.weight.shape[1]
  return Array.from({ length: side * side }, (_, tap) => {
    const y = row * convolution.stride - convolution.padding + Math.floor(tap / side)
    const x = column * convolution.stride - convolution.padding + (tap % side)
    return y >= 0 && x >= 0 && y < map.height && x < map.width ? map.values[y * map.width + x] : null
  })
}

function kernelOf({ weight: { shape, values } }, channel) {
  const taps = shape[1] * shape[2]
  return values.subarray(channel * taps, (channel + 1) * taps)
}

/** What every input channel gives to the sum at a position, and the sum of their sizes. */
function sharesAt(convolution, row, column) {
  const [channels, side] = convolution.weight.shape
  const [, height, width] = convolution.input.shape
  const { values } = convolution.input
  const weights = convolution.weight.values
  const shares = new Float64Array(channels)
  let sizes = Math.abs(convolution.bias ?? 0)
  for (let u = 0; u < side; u++) {
    const y = row * convolution.stride - convolution.padding + u
    if (y < 0 || y >= height) continue
    for (let v = 0; v < side; v++) {
      const x = column * convolution.stride - convolution.padding + v
      if (x < 0 || x >= width) continue
      for (let c = 0; c < channels; c++) {
        const product = values[(c * height + y) * width + x] * weights[(c * side + u) * side + v]
        shares[c] += product
        sizes += Math.abs(product)
      }
    }
  }
  return { shares, sizes, total: shares.reduce((sum, share) => sum + share, convolution.bias ?? 0) }
}

/** The four steps of batch norm on one number. */
function normSteps({ mean, variance, scale, shift, eps }, value) {
  const centred = value - mean
  const standardised = centred / Math.sqrt(variance + eps)
  return [centred, standardised, scale * standardised, scale * standardised + shift]
}

/** Whether a number that was computed here is the network's own: to 1e-5 of the sizes that were added. */
function agrees(own, computed, sizes) {
  return Math.abs(own - computed) <= 1e-5 * Math.max(Math.abs(own), sizes)
}

/** Positions in all maps of a block that belong to (row, column) of its output: of x, then of every convolution's output. */
function positionsOf(convolutions, row, column) {
  const found = [[row, column]]
  for (const { stride } of [...convolutions].reverse()) found.unshift(found[0].map((place) => place * stride))
  return found
}

/** One map, convolved with one kernel. Stride, padding and dilation as torch has them. */
function convolved(map, kernel, { stride = 1, padding = 0, dilation = 1 } = {}) {
  const side = Math.sqrt(kernel.length)
  const reach = dilation * (side - 1) + 1
  const height = Math.floor((map.height + 2 * padding - reach) / stride) + 1
  const width = Math.floor((map.width + 2 * padding - reach) / stride) + 1
  const values = new Float64Array(Math.max(0, height) * Math.max(0, width))
  for (let u = 0; u < side; u++)
    for (let v = 0; v < side; v++) {
      const weight = kernel[u * side + v]
      if (!weight) continue
      for (let row = 0; row < height; row++) {
        const y = row * stride - padding + u * dilation
        if (y < 0 || y >= map.height) continue
        for (let column = 0; column < width; column++) {
          const x = column * stride - padding + v * dilation
          if (x >= 0 && x < map.width) values[row * width + column] += weight * map.values[y * map.width + x]
        }
      }
    }
  return { height, width, values }
}
