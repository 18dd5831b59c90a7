"""Human evaluation: rubrics, studies, the rating room, agreement, comparison of models."""
