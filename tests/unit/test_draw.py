"""Pictures: the same bytes twice, text beside each, shown once."""

import matplotlib as mpl
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from companion import draw, measure
from companion.measure import Timing

mpl.use("agg")


def shown(fig, alt="a line"):
    InteractiveShell.instance()
    with capture_output(display=True) as captured:
        draw.show(fig, alt=alt)
    (output,) = captured.outputs
    return output


def plot():
    fig, ax = draw.figure()
    ax.plot([1, 2, 3])
    return fig


def test_the_same_figure_gives_the_same_bytes():
    assert shown(plot()).data["image/png"] == shown(plot()).data["image/png"]


def test_the_alternative_text_stands_beside_the_picture():
    output = shown(plot(), "a rising line")
    assert output.data["text/plain"] == "a rising line"
    assert output.metadata["image/png"] == {"alt": "a rising line"}


def test_a_figure_is_not_shown_a_second_time_at_the_end_of_the_cell():
    import matplotlib.pyplot as plt

    plot()
    assert plt.get_fignums() == []


def test_speedup_draws_measured_ideal_and_law():
    runs = {1: Timing((4.4, 4.6)), 2: Timing((2.1, 2.3)), 4: Timing((1.3, 1.2))}
    _, ax = draw.figure()
    draw.speedup(ax, measure.speedup_table(Timing((4.0, 4.2)), runs), measure.fit_amdahl(runs), most_workers=16)
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert labels == {"ideal", "measured, 95 %", "Amdahl, fitted"}
    assert ax.get_xlim()[1] == 16


def test_speedup_shows_what_was_measured_and_no_more():
    """Nine tenths of an axis for what nobody measured made two points look like a law."""
    _, ax = draw.figure()
    draw.speedup(ax, measure.speedup_table(Timing((4.0, 4.2)), {1: Timing((4.4, 4.6)), 2: Timing((2.1, 2.3))}))
    assert ax.get_xlim()[1] < 2.5
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2"]


def test_confusion_prints_every_count():
    _, ax = draw.figure()
    draw.confusion(ax, np.array([[5, 1], [0, 7]]), ["a", "b"])
    assert [text.get_text() for text in ax.texts] == ["5", "1", "0", "7"]
