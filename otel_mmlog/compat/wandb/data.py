"""What wandb keeps beside scalars. A run does not: it is left out of ``log``, which is told once."""

from otel_mmlog.compat.unkept import Unkept


class WBValue(Unkept):
    """The base of all of them."""


class Media(WBValue):
    """The base of what is drawn or played."""


class Artifact(Unkept):
    """A versioned folder."""


class Audio(Media):
    """A sound."""


class Classes(Media):
    """The names of classes."""


class CustomChart(Unkept):
    """A chart of ``wandb.plot``."""


class Graph(Media):
    """A model's graph."""


class Histogram(WBValue):
    """A histogram."""


class Html(Media):
    """A page."""


class Image(Media):
    """A picture."""


class Metric(Unkept):
    """What ``define_metric`` returns."""


class Molecule(Media):
    """A molecule."""


class Object3D(Media):
    """A cloud of points."""


class Plotly(Media):
    """A figure."""


class Table(Media):
    """A table."""


class Video(Media):
    """A film."""
