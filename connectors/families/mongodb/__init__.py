"""How MongoDB is reached, and what its errors mean."""
