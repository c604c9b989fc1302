"""Product descriptions: the record's own title and up to four facts in the record's words; prose only after a check.

    product    Product, a row of a shop, and its words as tokens
    feeds      rows of Google Merchant, Shopify, WooCommerce and Amazon feeds, and plain tables -> Product
    plain      the plain form: "Oak dining table. Solid oak. 180 × 90 cm. Seats six."
    prose      candidates of a language model, and the check that each number, material, name and claim is in the record
    build      describe_product, and engines by name as in build_copywriter

Importing this package loads no torch.

Source: the task of Zhou et al. 2023 (arXiv 2310.18357). Differs: nothing is fine-tuned; the record's own words are used.
"""

from adcreative.copywriter.products.build import Description as Description
from adcreative.copywriter.products.build import build_source as build_source
from adcreative.copywriter.products.build import describe_product as describe_product
from adcreative.copywriter.products.product import Product as Product

__all__ = ["Description", "Product", "build_source", "describe_product"]
