"""Two English accounts, made up: of invoicing software and of a hotel by the sea, each with twenty lines that it might run
next; and twenty lines that no model of either can know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from adcreative.creative import Creative


@dataclass(frozen=True, kw_only=True)
class Worded:
    """Headlines and descriptions that an account ran, and headlines that it might run next."""

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]
    sensible: tuple[str, ...]


INVOICES = Worded(
    headlines=(
        "Send your first invoice in two minutes",
        "Invoicing software for small businesses",
        "Get paid faster with online invoices",
        "Free invoice templates for freelancers",
        "Say goodbye to late payments",
        "Automatic payment reminders",
        "Track every invoice in one place",
        "Accept card payments on your invoices",
        "Accounting made simple",
        "Your books, done in an hour a week",
        "Try our invoicing app free for 30 days",
        "No more spreadsheets",
        "Create professional invoices on your phone",
        "Bookkeeping for people who hate bookkeeping",
        "See who owes you money at a glance",
        "Invoices, expenses and taxes in one app",
        "Join 40,000 freelancers who get paid on time",
        "Estimates that turn into invoices with one click",
        "Your customers pay online, you relax",
        "Cut your admin time in half",
        "Recurring invoices on autopilot",
        "Know your cash flow before the month ends",
        "Snap a receipt, and it is booked",
        "VAT returns without the headache",
        "Time tracking that bills itself",
        "From quote to cash without paper",
        "Simple pricing, no hidden fees",
        "Switch to us in an afternoon",
        "Works with your bank",
        "Made for plumbers, painters and builders",
        "Invoice on the go",
        "The easy way to chase unpaid bills",
        "Professional invoices, free forever",
        "Start your free trial today",
        "Send unlimited invoices from 9 dollars a month",
        "Get paid up to twice as fast",
        "One tool for quotes, invoices and payments",
        "Stop doing paperwork on Sundays",
        "Your accountant will thank you",
        "Online accounting for growing teams",
    ),
    descriptions=(
        "Create, send and track invoices from any device. Start free today.",
        "Automatic reminders chase your clients, so you do not have to.",
        "No credit card needed. Cancel any time.",
        "Trusted by small businesses in 30 countries.",
        "Connect your bank account and see your cash flow in real time.",
        "Everything you need to run your business finances in one place.",
    ),
    sensible=(
        "Stop chasing late invoices",
        "Get paid 9 days sooner",
        "Spend less time on admin and more on your clients",
        "The invoice app your business deserves",
        "Expense reports in seconds",
        "Send quotes your customers can accept online",
        "Tired of asking clients for money?",
        "Let your invoices do the chasing",
        "Taxes are easier when your books are tidy",
        "Bill by the hour, the day or the project",
        "Accounting software that speaks plain English",
        "Never lose a receipt again",
        "How much did you earn last month?",
        "Built for consultants and small agencies",
        "Take payments by card, bank transfer or PayPal",
        "Your first three invoices are free",
        "Payroll and bookkeeping under one roof",
        "Close your books before lunch",
        "A friendlier way to manage money",
        "Late payments cost you more than you think. Find out how to stop them.",
    ),
)
HOTEL = Worded(
    headlines=(
        "Rooms with a view of the sea",
        "Book direct and save 10 percent",
        "Breakfast is on us",
        "Your weekend by the beach",
        "Stay three nights, pay for two",
        "A quiet hotel in the old town",
        "Family rooms from 89 dollars",
        "Free cancellation until the day before",
        "Wake up to the sound of waves",
        "Sleep late, check out at noon",
        "Sauna, pool and fresh sea air",
        "Two steps from the harbour",
        "Dogs are welcome here",
        "Summer holidays start here",
        "The hotel that families come back to",
        "Romantic getaways for two",
        "Dinner at sunset on our terrace",
        "Last rooms for the long weekend",
        "Spa days for tired people",
        "Free bikes for every guest",
    ),
    descriptions=(
        "Book on our own site for the best price. No booking fee.",
        "Sea view, breakfast and parking included.",
        "Ten minutes from the station, one minute from the beach.",
        "Rated 4.8 by our guests. Reserve your room today.",
        "Large rooms, soft beds and a kitchen that knows its fish.",
        "Change or cancel free of charge up to 24 hours ahead.",
    ),
    sensible=(
        "Spend the night above the waves",
        "Kids stay free all summer",
        "Three days of peace and quiet",
        "Our pool is heated all year",
        "Treat your parents to a weekend by the sea",
        "Seaside rooms at winter prices",
        "Fall asleep to the ocean",
        "Late check-in, early swim",
        "Pack light, we have the towels",
        "Small hotel, big breakfast",
        "Walk to the beach in your slippers",
        "The best table on the coast",
        "Your dog sleeps here for free",
        "Massages, steam baths and long walks",
        "Celebrate your anniversary with us",
        "Come for the view, stay for the food",
        "Suites with a balcony over the harbour",
        "Only four rooms left for Easter",
        "Bring the whole family",
        "Escape the city for a few days. We will keep a room for you.",
    ),
)
BAD = (
    "A" * 2_000,
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!!!!!!!!!!!!!!!!!!",
    "🔥🔥🔥🔥🔥",
    "😀 👍 🎉 💰",
    "Rechnungen schreiben in zwei Minuten, ganz ohne Papier",
    "Envoyez vos factures en ligne et soyez payé plus vite",
    "Facturen versturen zonder gedoe, probeer het gratis",
    "Factura a tus clientes en un minuto y cobra antes",
    "فواتيرك جاهزة في دقيقتين",
    "Счета за две минуты без бумаги",
    "二分钟开好发票，更快收款",
    "請求書を二分で送信",
    "asdf qwer zxcv uiop",
    "xkcd jfwq zzpt mvbn qlrw",
    "lkjdf8 3jfh2 9dkfj 2kdjf8",
    "<div class='cta'><b>Buy</b></div>",
    "&nbsp;&lt;a href=http://x.example&gt;&amp;",
    "Send invoices faster. " * 90,
    "0000 1111 2222 3333 4444",
)
LOUD = "BUY NOW!!! FREE $$$ MONEY!!!"


def plant_worded(account: Worded, num: int, *, rate: float, seed: int) -> list[Creative]:
    """Return ads of a headline and a description each, whose rates differ by both; impressions of 500 to 20,000 an ad."""
    rng = np.random.default_rng(seed)
    worth = {line: rng.normal(0, 0.3) for line in (*account.headlines, *account.descriptions)}
    pairs = [(headline, description) for headline in account.headlines for description in account.descriptions]
    chosen = [pairs[at] for at in rng.permutation(len(pairs))[:num]]
    shown = np.exp(rng.uniform(np.log(500), np.log(20_000), num)).astype(int)
    truth = special.expit(special.logit(rate) + np.array([worth[a] + worth[b] for a, b in chosen]) + rng.normal(0, 0.1, num))
    return [
        Creative(
            ad_name=f"ad {row}",
            headline=headline,
            description=description,
            platform="google",
            row=row + 1,
            impressions=int(shown[row]),
            clicks=int(rng.binomial(shown[row], truth[row])),
        )
        for row, (headline, description) in enumerate(chosen)
    ]
