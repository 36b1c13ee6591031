# The frequency of a signal.
# arguments: {"hz": 12}
# result: {"peak":12,"shape":[129]}
import numpy as np

def main(hz=7):
    t = np.arange(0, 1, 1 / 256)
    spectrum = np.abs(np.fft.rfft(np.sin(2 * np.pi * hz * t)))
    return {"peak": spectrum.argmax(), "shape": spectrum.shape}
