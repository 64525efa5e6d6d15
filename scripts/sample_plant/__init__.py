"""What the bundled sample plant is made from: manuals in a light markup, work orders, questions, and their writers."""
