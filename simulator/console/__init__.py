"""The page of a game day: what facilitators steer it with, and what those who are on call see."""
