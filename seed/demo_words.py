"""The invented names of the demo company: nothing here is the name of a real person, company or brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

COMPANY_NAME = "Marlowick Wholesale"
STOCKTAKING = "Stocktaking"

REGIONS = ("North", "South", "East", "West")
COUNTRIES = ("Germany", "Austria", "Netherlands", "Belgium", "France")
GROUPS = ("Retail chains", "Independent shops", "Online shops", "Hospitality")

CUSTOMER_BEGINNINGS = (
    *("Amber", "Bram", "Cold", "Dorn", "Elder", "Fenn", "Glim", "Harl", "Iver", "Jorv"),
    *("Kest", "Lorn", "Mell", "Nord", "Orlen", "Pell", "Quill", "Rosk", "Sorn", "Tarn"),
)
CUSTOMER_ENDINGS = (
    *("acre", "bridge", "combe", "dale", "erton", "field", "garth", "holm", "ingham", "keld"),
    *("ley", "moor", "ness", "ock", "pool", "ridge", "stead", "thorpe", "vale", "wick"),
)
CUSTOMER_KINDS: Mapping[str, tuple[str, ...]] = {
    "Retail chains": ("Markets", "Stores", "Home Centres"),
    "Independent shops": ("& Daughters", "Corner Shop", "Trading"),
    "Online shops": ("Online", "Direct", "Box"),
    "Hospitality": ("Hotels", "Catering", "Guest Houses"),
}

REP_NAMES = (
    *("Nora Velmark", "Jonas Tarwick", "Ines Brandholm", "Milo Keldgarth"),
    *("Petra Sornfield", "Oskar Lornley", "Tilda Roskmoor", "Emil Jorvdale"),
)
MANAGER_NAMES = ("Clara Orlenridge", "Viktor Dornacre")
ADMIN_NAME = "Ada Pellstead"
VIEWER_NAME = "Hugo Fennvale"

STYLES = ("Classic", "Nordic", "Rustic", "Compact", "Deluxe", "Everyday", "Studio", "Heritage", "Eco", "Duo")


@dataclass(frozen=True, slots=True)
class Category:
    """What the company sells of one kind. `season` are the factors of January to December, about 1 on average;
    `price` is the typical list price in euros."""

    name: str
    prefix: str
    nouns: tuple[str, ...]
    season: tuple[float, ...]
    price: float


CATEGORIES = (
    Category(
        "Kitchen",
        "KI",
        ("Saucepan", "Frying Pan", "Mixing Bowl", "Chopping Board", "Colander", "Ladle", "Whisk", "Grater", "Kettle"),
        (0.9, 0.85, 0.9, 0.95, 1.0, 0.95, 0.9, 0.9, 1.0, 1.1, 1.25, 1.3),
        18.0,
    ),
    Category(
        "Tableware",
        "TA",
        ("Dinner Plate", "Soup Bowl", "Mug", "Tumbler", "Wine Glass", "Carafe", "Tray", "Napkin Set", "Salad Bowl"),
        (0.8, 0.8, 0.9, 1.0, 1.05, 1.0, 0.9, 0.85, 0.95, 1.05, 1.3, 1.4),
        9.0,
    ),
    Category(
        "Garden",
        "GA",
        ("Watering Can", "Plant Pot", "Trowel", "Pruner", "Parasol", "Hose", "Bird Feeder", "Seed Tray", "Planter"),
        (0.3, 0.5, 1.2, 1.9, 2.1, 1.7, 1.3, 0.9, 0.7, 0.5, 0.4, 0.5),
        22.0,
    ),
    Category(
        "Candles",
        "CA",
        ("Pillar Candle", "Tea Lights", "Lantern", "Scented Jar", "Taper Candles", "Candle Holder", "Storm Light"),
        (0.8, 0.7, 0.6, 0.5, 0.5, 0.4, 0.4, 0.6, 1.0, 1.5, 2.4, 2.6),
        7.0,
    ),
    Category(
        "Bath",
        "BA",
        ("Bath Towel", "Hand Towel", "Soap Dish", "Bath Mat", "Laundry Basket", "Dispenser", "Wash Bag", "Robe"),
        (1.15, 1.0, 0.95, 0.95, 1.0, 1.0, 0.95, 0.9, 1.0, 1.0, 1.05, 1.05),
        14.0,
    ),
    Category(
        "Storage",
        "ST",
        ("Storage Box", "Basket", "Shelf", "Hook Rail", "Drawer Insert", "Jar", "Crate", "Garment Bag", "Tin"),
        (1.4, 1.15, 1.05, 1.0, 0.95, 0.9, 0.85, 1.0, 1.1, 0.95, 0.85, 0.8),
        12.0,
    ),
    Category(
        "Textiles",
        "TE",
        ("Cushion", "Throw", "Table Runner", "Tea Towel", "Apron", "Curtain", "Blanket", "Oven Glove", "Bed Linen"),
        (1.0, 0.9, 0.9, 0.9, 0.85, 0.8, 0.8, 0.95, 1.15, 1.25, 1.3, 1.2),
        16.0,
    ),
    Category(
        "Stationery",
        "SN",
        ("Notebook", "Pen Set", "Gift Wrap", "Calendar", "Card Box", "Pencil Case", "Desk Tray", "Ribbon", "Album"),
        (0.9, 0.75, 0.75, 0.75, 0.8, 0.85, 0.95, 1.5, 1.1, 1.0, 1.3, 1.35),
        5.0,
    ),
)
