"""Makes a page look as if it had been printed, filed and scanned: grey, slightly turned, noisy, without a text layer."""

from __future__ import annotations

import io
from typing import Any


def scanned_page(flow: list[Any], font: str, *, seed: int, dots_per_inch: int = 150) -> bytes:
    """Set the flowables on one A4 page and return it as the bytes of a grey JPEG."""
    import numpy as np
    import pypdfium2
    from PIL import Image, ImageFilter
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    target = io.BytesIO()
    SimpleDocTemplate(target, pagesize=A4, invariant=1, leftMargin=62, rightMargin=56, topMargin=72).build(flow)
    pdf = pypdfium2.PdfDocument(target.getvalue())
    if len(pdf) != 1:
        raise ValueError(f"the scanned page has {len(pdf)} pages; shorten its content to fit one")
    grey = pdf[0].render(scale=dots_per_inch / 72).to_pil().convert("L")
    turned = grey.rotate(0.45, resample=Image.Resampling.BICUBIC, fillcolor=255)
    soft = turned.filter(ImageFilter.GaussianBlur(0.55))
    noise = np.random.default_rng(seed).normal(0.0, 7.0, (soft.height, soft.width))
    paper = np.asarray(soft, dtype=np.float64) * 0.86 + 24.0
    # a darker strip along the binding edge, as a flatbed leaves it
    shade = np.clip(1.0 - np.arange(soft.width) / 60.0, 0.0, 1.0) * 60.0
    pixels = np.clip(paper + noise - shade, 0, 255).astype(np.uint8)
    result = io.BytesIO()
    Image.fromarray(pixels).save(result, format="JPEG", quality=52, optimize=True)
    return result.getvalue()
