"""Which colour means what? The same on every page (told apart by colour-blind eyes, on light and on dark)."""

PLAIN = "#D55E00"
RESIDUAL = "#1B7FC4"
NEUTRAL = "#8A929C"  # lines and labels that belong to neither

HEAT = "Inferno"  # perceptually uniform, dark is low: evidence
AMOUNT = "Viridis"  # perceptually uniform: activations


def of_network(residual: bool) -> str:
    return RESIDUAL if residual else PLAIN
