"""How much of a change to speech is heard: signal to noise by octave, and a model of masking."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OCTAVES = (250, 500, 1000, 2000, 4000, 8000)
"""Centres of octave bands, in Hz."""

_EDGES = np.array(
    [
        *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480),
        *(1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700, 9500),
    ]
)
"""Lower edges of the critical bands up to 12 kHz (Zwicker 1961)."""

_FRAME = 512
_WINDOW = np.hanning(_FRAME)
_QUIET_DB = 40.0
"""Frames so far below the loudest are left out."""


def snr(original: Floats, changed: Floats) -> float:
    """Signal to noise in dB."""
    return float(10 * np.log10(np.square(original).sum() / np.square(changed - original).sum()))


def octave_snrs(original: Floats, changed: Floats, rate: int) -> list[float]:
    """The same for each of :data:`OCTAVES`."""
    frequencies = np.fft.rfftfreq(len(original), 1 / rate)
    signal = np.square(np.abs(np.fft.rfft(original)))
    noise = np.square(np.abs(np.fft.rfft(changed - original)))
    found = []
    for centre in OCTAVES:
        band = (frequencies >= centre / 2**0.5) & (frequencies < centre * 2**0.5)
        found.append(float(10 * np.log10(signal[band].sum() / max(noise[band].sum(), 1e-9))))
    return found


def above_masking(original: Floats, changed: Floats, rate: int) -> Floats:
    """By how many dB the noise exceeds what the speech masks, for each frame of 512 samples and critical band.

    The model of J. D. Johnston (1988), "Transform coding of audio signals using perceptual noise criteria": energies
    of critical bands, spread over their neighbours; what is masked lies 14.5 dB plus the number of the band below
    them where the frame is tonal, 5.5 dB where it is like noise, and in between by the flatness of its spectrum.
    Silent frames, and bands without sound or noise, are left out. Shape ``[n]``.
    """
    spectra, noise = _powers(original), _powers(changed - original)
    member = np.eye(len(_EDGES))[np.searchsorted(_EDGES, np.fft.rfftfreq(_FRAME, 1 / rate), side="right") - 1]
    energies, noises = spectra @ member, noise @ member
    number = np.arange(len(_EDGES))
    tonality = _tonality(spectra)[:, None]
    offset = tonality * (14.5 + number + 1) + (1 - tonality) * 5.5
    excess = _decibels(noises) - (_decibels(energies @ _spreading(number)) - offset)
    totals = energies.sum(axis=1, keepdims=True)
    counted = (totals > totals.max() / 10 ** (_QUIET_DB / 10)) & (energies > totals * 1e-6) & (noises > 1)
    kept: Floats = excess[counted]
    return kept


def _powers(samples: Floats) -> Floats:
    frames = sliding_window_view(samples, _FRAME)[:: _FRAME // 2]
    powers: Floats = np.square(np.abs(np.fft.rfft(frames * _WINDOW)))
    return powers


def _tonality(spectra: Floats) -> Floats:
    flatness = _decibels(np.exp(np.log(spectra + 1e-3).mean(axis=1))) - _decibels(spectra.mean(axis=1))
    tonality: Floats = np.clip(flatness / -60, 0, 1)
    return tonality


def _spreading(number: NDArray[np.int_]) -> Floats:
    """How much of the energy of one band (row) counts in another (column); what counts in a band adds up to 1."""
    distance = number[None, :] - number[:, None] + 0.474
    spread = 10 ** ((15.81 + 7.5 * distance - 17.5 * np.sqrt(1 + distance**2)) / 10)
    normalised: Floats = spread / spread.sum(axis=0)
    return normalised


def _decibels(power: Floats) -> Floats:
    levels: Floats = 10 * np.log10(power + 1e-9)
    return levels
