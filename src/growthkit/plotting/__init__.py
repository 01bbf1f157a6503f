"""Plotting: pictures of the results of the other areas, drawn with matplotlib (extra ``plot``).

Every result draws itself with ``result.plot(**options)``, which calls the function of this menu that belongs to
it. They take ``ax`` (or ``axes``, for a row of panels) to draw into a figure of the caller's, make a figure of their
own otherwise, return what they drew on, and neither show it nor touch matplotlib's settings. Importing this module does
not import matplotlib.
"""

from .assignment import draw_assignment_check
from .bayes import draw_beta_binomial, draw_normal_effect
from .confidence_sequence import draw_sequence
from .estimates import draw_estimates
from .experiment import draw_decision, draw_heterogeneity, draw_readout
from .group_sequential import draw_boundaries, draw_characteristics
from .planning import draw_duration, draw_sample_plan, draw_simulation
from .quasi import draw_difference_in_differences, draw_switchback, draw_synthetic_control
from .recommend import draw_choice, draw_differences, draw_evaluation, draw_split, draw_trade_off
from .resampling import draw_bootstrap, draw_mann_whitney, draw_quantile_test
from .rules import draw_rule_network, draw_rule_scatter, draw_rules
from .segmentation import draw_rfm_scores, draw_rfm_segments
from .srm import draw_sequential_srm, draw_srm
from .summaries import draw_customers, draw_idle, draw_purchases, draw_value_shares

__all__ = [
    "draw_assignment_check",
    "draw_beta_binomial",
    "draw_bootstrap",
    "draw_boundaries",
    "draw_characteristics",
    "draw_choice",
    "draw_customers",
    "draw_decision",
    "draw_difference_in_differences",
    "draw_differences",
    "draw_duration",
    "draw_estimates",
    "draw_evaluation",
    "draw_heterogeneity",
    "draw_idle",
    "draw_mann_whitney",
    "draw_normal_effect",
    "draw_purchases",
    "draw_quantile_test",
    "draw_readout",
    "draw_rfm_scores",
    "draw_rfm_segments",
    "draw_rule_network",
    "draw_rule_scatter",
    "draw_rules",
    "draw_sample_plan",
    "draw_sequence",
    "draw_sequential_srm",
    "draw_simulation",
    "draw_split",
    "draw_srm",
    "draw_switchback",
    "draw_synthetic_control",
    "draw_trade_off",
    "draw_value_shares",
]
