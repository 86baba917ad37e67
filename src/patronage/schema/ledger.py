"""The tables of a ledger: what customers did, and what is known of them. Only transactions have to be there."""

from .columns import Column, TableSchema

DAY = Column(
    "day", "date", "", False,
    "Business day of the timestamp in the time zone of the ledger, made when the ledger is opened. In a table without "
    "it, the day of the timestamp as it stands counts.",
    optional=True,
)  # fmt: skip

BUSINESS_DAYS = {
    "timestamp": "day",
    "acquired_at": "acquired_day",
    "closed_at": "closed_day",
    "responded_at": "responded_day",
}
"""A moment in UTC to the column with its business day, which is made when a ledger is opened."""


def _business_day(moment: str) -> Column:
    return Column(
        BUSINESS_DAYS[moment], "date", "", True,
        f"Business day of {moment} in the time zone of the ledger, made when the ledger is opened.", optional=True,
    )  # fmt: skip


TRANSACTIONS = TableSchema(
    "transactions",
    (
        Column("customer_id", "string", "", False, "Who bought."),
        Column("timestamp", "timestamp", "", False, "When, in UTC, or without a time zone where none is known."),
        DAY,
        Column(
            "netted_day", "date", "", False,
            "Day whose purchases the line is netted with: for a refund the day of its order. Made when the ledger is "
            "opened with refunds netted by order; without it, the business day.", optional=True,
        ),
        Column("amount", "double", "money", False, "Value of the line; refunds are negative, gifts zero."),
        Column("order_id", "string", "", True, "The order that the line belongs to.", optional=True),
        Column("product", "string", "", True, "What was bought.", optional=True),
        Column("category", "string", "", True, "The kind of product.", optional=True),
        Column("quantity", "double", "pieces", True, "How many; negative if returned.", optional=True),
        Column(
            "cost_of_goods", "double", "money", True,
            "What the line cost the business; negative where returned goods came back into stock.", optional=True,
        ),
        Column(
            "margin", "double", "money", True,
            "amount less cost_of_goods. One of the two is enough, the other follows from it.", optional=True,
        ),
        Column("discount", "double", "money", True, "Money given away on the line, 0 or more.", optional=True),
        Column("sales_channel", "string", "", True, "Where it was sold: shop, web, telephone.", optional=True),
        Column("currency", "string", "", True, "Currency of the amounts; one only in a ledger.", optional=True),
    ),
)  # fmt: skip

CUSTOMERS = TableSchema(
    "customers",
    (
        Column("customer_id", "string", "", False, "Who; one row a customer."),
        Column("acquired_at", "timestamp", "", True, "When the customer was won, in UTC.", optional=True),
        _business_day("acquired_at"),
        Column("acquisition_channel", "string", "", True, "How the customer was won.", optional=True),
        Column("acquisition_cost", "double", "money", True, "What it cost to win the customer.", optional=True),
        Column("contract_start", "date", "", True, "First day of the contract.", optional=True),
        Column(
            "contract_end", "date", "", True,
            "Last day of the contract; missing while it runs. Before that day nothing is known of it.", optional=True,
        ),
        Column("plan", "string", "", True, "Name of the contract's plan.", optional=True),
        Column("price", "double", "money per 30.4375 days", True, "Price of the contract a month.", optional=True),
    ),
)  # fmt: skip
"""Further columns of the source may follow as attributes: text or numbers that do not change with time."""

CONTACTS = TableSchema(
    "contacts",
    (
        Column("customer_id", "string", "", False, "Who was in touch with the business."),
        Column("timestamp", "timestamp", "", False, "When, in UTC."),
        DAY,
        Column("channel", "string", "", True, "call, chat, e-mail, store, web, ..."),
        Column("kind", "string", "", True, "service, complaint, campaign, visit, ..."),
        Column("cost", "double", "money", True, "What the contact cost the business.", optional=True),
        Column("duration_minutes", "double", "minutes", True, "How long it took.", optional=True),
        Column(
            "satisfaction", "double", "as the source", True,
            "Score that the customer gave, higher is better; missing if none was given.", optional=True,
        ),
        Column(
            "closed_at", "timestamp", "", True,
            "When the matter was settled, in UTC; missing while it is open. Before that moment it counts as open.",
            optional=True,
        ),
        _business_day("closed_at"),
    ),
)  # fmt: skip

CAMPAIGNS = TableSchema(
    "campaigns",
    (
        Column("customer_id", "string", "", False, "Who was chosen for the action, or held back as a control."),
        Column("timestamp", "timestamp", "", False, "When, in UTC."),
        DAY,
        Column("action", "string", "", False, "What was done."),
        Column("treated", "long", "0 or 1", False, "1 if it was done, 0 for a control that was left alone."),
        Column(
            "cost", "double", "money", True,
            "What it cost. A control costs nothing: what stands here for one does not count.", optional=True,
        ),
        Column("response", "long", "0 or 1", True, "1 if the customer responded; missing if unknown.", optional=True),
        Column(
            "responded_at", "timestamp", "", True,
            "When the customer responded, in UTC. Before that moment the response is unknown.", optional=True,
        ),
        _business_day("responded_at"),
    ),
)  # fmt: skip

LEDGER_TABLES: dict[str, TableSchema] = {table.name: table for table in (TRANSACTIONS, CUSTOMERS, CONTACTS, CAMPAIGNS)}
"""The tables of a ledger; only transactions have to be there."""
