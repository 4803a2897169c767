"""The exceptions of the package, all told before training starts.

MMLogError
├── ConfigError (ValueError)
│   ├── RuleError (AssertionError)
│   │   └── RuleTypeError (TypeError)
│   ├── LevelError (KeyError)
│   ├── ModeError (AssertionError)
│   ├── StatisticNameError (AssertionError)
│   └── UnknownStatisticError (KeyError)
├── HubStateError (ValueError, AssertionError)
├── MissingPackageError (ImportError)
└── ScalarError (TypeError, AssertionError)
"""


class MMLogError(Exception):
    """The base of every exception that this package raises."""


class ConfigError(MMLogError, ValueError):
    """A setting, an argument or an environment variable that cannot be used as given."""


class RuleError(ConfigError, AssertionError):
    """A wrong entry of ``custom_cfg``."""


class RuleTypeError(RuleError, TypeError):
    """A value of the wrong type in an entry of ``custom_cfg``."""


class UnknownStatisticError(ConfigError, KeyError):
    """A ``method_name`` that no statistic is registered for."""

    __str__ = Exception.__str__  # KeyError would print the message's repr


class LevelError(ConfigError, KeyError):
    """A log level that does not exist."""

    __str__ = Exception.__str__


class ScalarError(MMLogError, TypeError, AssertionError):
    """A scalar, or its count, that is not one number."""


class ModeError(ConfigError, AssertionError):
    """A loop that is none of train, val and test, or one that has no such record."""


class StatisticNameError(ConfigError, AssertionError):
    """A statistic registered under a name that is taken."""


class HubStateError(MMLogError, ValueError, AssertionError):
    """A state dict that a hub cannot load."""


class MissingPackageError(MMLogError, ImportError):
    """A package that the called part needs, and that is not installed."""
