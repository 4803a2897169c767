"""mmengine's classes; importing them warns of what torch has deprecated, which is not ours to mend."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.logging import HistoryBuffer as TheirHistory
    from mmengine.logging import MessageHub as TheirHub
    from mmengine.runner import LogProcessor as TheirProcessor

__all__ = ["TheirHistory", "TheirHub", "TheirProcessor"]
