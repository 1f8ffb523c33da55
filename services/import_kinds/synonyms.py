"""Names that columns have in the files of other systems and in other languages, beside those in the tables.

Case, blanks, hyphens and dots don't matter. No name may mean two columns of a kind; a test looks.
"""

from __future__ import annotations

from collections.abc import Mapping

MORE_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "customer_code": (
        "kunde", "kundennummer", "kunden_nr", "kd_nr", "kundencode", "kunden_id", "debitor", "debitorennummer",
        "account", "account_no", "account_number", "client", "client_code", "client_no", "code_client", "numéro_client",
        "cliente", "sold_to", "sold_to_party", "cust_no", "customer_nr",
    ),
    "item_code": (
        "artikel", "artikelnummer", "artikel_nr", "art_nr", "artikelcode", "material", "materialnummer",
        "material_number", "produkt", "produktnummer", "produktcode", "part", "part_no", "part_number", "article",
        "article_no", "article_number", "code_article", "référence", "item_id", "product_id", "product_no",
        "product_number",
    ),
    "email": ("email_address", "e_mail_address", "e_mail_adresse", "mail_address", "user_email"),
    "name": ("bezeichnung", "full_name", "nom"),
    "role": ("rolle",),
    "language": ("sprache",),
    "region": ("gebiet", "sales_region", "région"),
    "group": ("gruppe", "kundengruppe"),
    "country": ("land", "pays", "país"),
    "currency": ("währung", "waehrung", "devise", "ccy", "curr"),
    "category": ("kategorie", "warengruppe", "catégorie"),
    "family": ("familie", "produktfamilie"),
    "brand": ("marke", "marque"),
    "unit": ("einheit", "mengeneinheit", "base_unit", "unité"),
    "list_price": ("listenpreis", "preis"),
    "standard_cost": ("standardkosten", "einstandspreis"),
    "cost": ("kosten", "stückkosten", "einstandspreis", "herstellkosten"),
    "price": ("preis", "einzelpreis", "stückpreis", "prix"),
    "valid_from": ("gültig_ab", "gültig_von", "gueltig_ab", "effective_from", "date_from"),
    "valid_to": ("gültig_bis", "gueltig_bis", "effective_to", "date_to", "valid_until"),
    "invoice": (
        "rechnung", "rechnungsnummer", "rechnungs_nr", "rechnung_nr", "beleg", "belegnummer", "beleg_nr", "invoice_id",
        "invoice_nr", "document_no", "document_number", "doc_no", "facture", "no_facture", "fattura",
    ),
    "line_number": ("pos", "positionsnummer", "pos_nr", "zeile", "zeilennummer", "line_id", "ligne"),
    "invoice_date": (
        "datum", "rechnungsdatum", "belegdatum", "buchungsdatum", "posting_date", "date_of_invoice", "date_facture",
        "date_de_facture", "fecha", "data",
    ),
    "quantity": ("menge", "anzahl", "stückzahl", "stück", "quantité", "cantidad", "quantità", "qty_sold", "units_sold"),
    "unit_price": ("einzelpreis", "stückpreis", "preis", "price_per_unit", "net_price", "prix_unitaire", "prix"),
    "net_revenue": (
        "umsatz", "nettoumsatz", "netto", "nettobetrag", "betrag", "net_sales", "net_value", "sales_amount", "turnover",
        "montant", "chiffre_d_affaires",
    ),
    "gross_amount": ("brutto", "bruttobetrag"),
    "discount": ("rabatt", "remise"),
    "tax": ("mwst", "umsatzsteuer", "steuer", "tva"),
    "freight": ("fracht", "versandkosten"),
    "unit_cost": ("einstandspreis", "stückkosten"),
    "requested_date": ("wunschtermin", "wunschdatum"),
    "order_date": ("bestelldatum", "auftragsdatum", "date_de_commande"),
    "shipped_date": ("versanddatum", "lieferdatum", "delivery_date", "shipping_date", "shipment_date"),
    "line_type": ("zeilenart", "positionsart"),
}  # fmt: skip
