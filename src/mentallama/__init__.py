"""mentallama: interpretable mental-health analysis of social-media posts (arXiv 2309.13567).

For non-clinical research. Nothing here diagnoses anyone.
"""

__version__ = "0.1.0"

NOTICE = (
    "For non-clinical research only. A label describes a text as annotators of a data set read it; "
    "it is not a diagnosis and says nothing certain about any person."
)
