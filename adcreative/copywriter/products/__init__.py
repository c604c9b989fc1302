"""Product descriptions from attributes: the record says what may be said, and how much of it was said is measured.

    product.py     Product (a row of a shop), ProductFacts (what may be used of it)
    claims.py      attributes mentioned, claims without support, keyword stuffing; Lexicon
    sentences.py   the template engine
    local.py       SmolLM2 or another local model as an engine
    remote.py      a chat server as an engine
    describer.py   ProductDescriber: engine -> filter -> re-ranking -> completion
    build.py       build_describer: names as in build_copywriter
    families.py    a made-up shop with held-out families
    benchmark.py   both rates on held-out families (python -m adcreative.copywriter.products)

Importing this package loads no torch.
"""

from adcreative.copywriter.products.build import build_describer as build_describer
from adcreative.copywriter.products.claims import Lexicon as Lexicon
from adcreative.copywriter.products.claims import read_statement as read_statement
from adcreative.copywriter.products.describer import Description as Description
from adcreative.copywriter.products.describer import ProductDescriber as ProductDescriber
from adcreative.copywriter.products.product import Product as Product
from adcreative.copywriter.products.product import read_product_facts as read_product_facts

__all__ = ["Description", "Lexicon", "Product", "ProductDescriber", "build_describer", "read_product_facts", "read_statement"]
