"""Read users' tables, exports and picture folders as Creatives. Does not import torch; only `images` opens pictures."""

from adcreative.catalog.reader import Catalog as Catalog
from adcreative.catalog.reader import CatalogReader as CatalogReader
from adcreative.catalog.reader import read_catalog as read_catalog
