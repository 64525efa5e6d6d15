"""The tabs of the page, one module each: `build(page, session)` makes its components and events."""
