"""What users have -> Creatives. Loads no torch and opens no picture until `images` is asked for one."""

from adcreative.catalog.reader import Catalog as Catalog
from adcreative.catalog.reader import CatalogReader as CatalogReader
from adcreative.catalog.reader import read_catalog as read_catalog
