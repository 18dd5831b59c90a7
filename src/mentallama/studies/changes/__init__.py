"""Changes of posts that studies ask for by name: small errors, masks, swaps, other questions.

``steps/alter.py`` lists them. All keep ``post.id`` and draw from the post's text alone.
"""
