"""What each category's ads talk about: the word lists that `lines` puts into sentences. Plain data.

Each entry fits every sentence of its slot:
    benefits   verb phrases after "to" and as commands ("wake up by the sea")
    things     noun phrases after "Meet" and "Ready for" ("a week by the sea")
    topics     bare nouns after "about" ("city breaks")
    people     plurals before a verb ("young families")
    pains      plurals or mass nouns after "without" and "Tired of"
    gains      mass nouns or plurals after "More"
    offers     short sentences without a stop, with a claim an advertiser could make
    bodies     one or two whole sentences for the line under the headline
    buttons    labels of the button, beside the common ones
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Word lists of one category; see the module for what fits where."""

    benefits: tuple[str, ...]
    things: tuple[str, ...]
    topics: tuple[str, ...]
    people: tuple[str, ...]
    pains: tuple[str, ...]
    gains: tuple[str, ...]
    offers: tuple[str, ...]
    bodies: tuple[str, ...]
    buttons: tuple[str, ...]


VOICES: dict[str, Voice] = {
    "travel": Voice(
        benefits=("wake up by the sea", "see more for less", "plan a whole trip over coffee", "get away this weekend",
                  "find a room with a view", "travel light and stay longer", "swap the desk for a beach",
                  "turn two days off into a real holiday", "book the trip you keep talking about",
                  "land in the sun by lunchtime", "take the slow train south", "bring the whole family along"),
        things=("a week by the sea", "a weekend in the old town", "a holiday that fits your budget",
                "the trip you keep putting off", "a quiet cabin by the lake", "your next window seat",
                "a room with breakfast and a view", "the long way round"),
        topics=("city breaks", "cheap flights", "beach holidays", "packing light", "the off season", "solo trips"),
        people=("young families", "solo travellers", "weekend explorers", "first-time campers", "seasoned travellers"),
        pains=("hidden fees", "endless tabs", "airport queues", "small print", "last-minute panic"),
        gains=("sunsets", "time together", "window seats", "long lunches", "days off"),
        offers=("Free cancellation on every stay", "30% off rooms booked in May", "Kids stay free all summer",
                "Fly from $49 each way", "Two nights for the price of one", "Save 20% on your first trip"),
        bodies=("Small hotels, fair prices, people who answer the phone.", "Pick the dates, we do the rest.",
                "Change your mind up to a day before.", "Handpicked stays in forty towns by the water.",
                "No fees at the end. The price you see is the price you pay.", "Trains, rooms and a map in one place."),
        buttons=("Book now", "See the rooms", "Plan my trip"),
    ),
    "fashion": Voice(
        benefits=("dress for the weather you have", "wear one coat all winter", "look sharp without trying",
                  "build a wardrobe that lasts", "find jeans that fit", "pack a week into one bag",
                  "wear what feels right", "make an entrance", "dress well on a slow budget",
                  "get ready in five minutes", "buy less and wear it more", "bring colour back to Monday"),
        things=("a coat for every kind of weather", "the shirt that goes with everything", "shoes made to be resoled",
                "the summer edit", "a linen suit that breathes", "the bag you will carry for years",
                "knitwear from one small mill", "denim that keeps its shape"),
        topics=("good shoes", "linen", "capsule wardrobes", "dressing for work", "denim", "tailoring"),
        people=("stylists", "busy women", "men who hate shopping", "city commuters", "people with five good shirts"),
        pains=("fast fashion", "sizing guesswork", "itchy seams", "full wardrobes", "tight collars"),
        gains=("colour", "pockets", "compliments", "good basics", "room to move"),
        offers=("Free returns for 60 days", "25% off the summer edit", "Free hemming on every pair",
                "Members save 15% this week", "Two shirts for $70", "Free delivery over $50"),
        bodies=("Cut in small runs, made to be mended.", "Honest cloth, clean lines, real pockets.",
                "Try it at home and send back what you do not love.", "Made by people we know by name.",
                "Soft from the first wear, better after the tenth.", "Sizes that run from small to generous."),
        buttons=("Shop the edit", "Find your size", "See the look"),
    ),
    "finance": Voice(
        benefits=("see where your money goes", "save for the things you love", "pay less for your mortgage",
                  "start investing with small change", "get paid on time", "sleep well about your savings",
                  "stop paying for nothing", "make your money work while you rest", "plan for the year ahead",
                  "split the bill and stay friends", "sort your pension in an evening", "borrow without surprises"),
        things=("a bank account that explains itself", "a savings plan you can pause", "the card with no foreign fees",
                "a pension you can understand", "a loan with one clear price", "your money in one quiet place",
                "an account for the whole household", "a calmer way to save"),
        topics=("your bank account", "interest rates", "pensions", "rainy day funds", "mortgages", "hidden fees"),
        people=("careful savers", "first-time buyers", "freelancers", "young couples", "small business owners"),
        pains=("hidden fees", "paper forms", "long calls", "surprise charges", "guesswork"),
        gains=("clarity", "savings", "control", "peace of mind", "room in the budget"),
        offers=("No monthly fee for the first year", "4.1% on savings, paid monthly", "Free transfers in 30 countries",
                "Switch and get $100", "Zero fees abroad", "Open an account in 8 minutes"),
        bodies=("Every fee on one page. There are not many.", "Talk to a person, not a menu.",
                "Move your money when you want, without asking.", "Set it once and watch it grow.",
                "Your deposits are protected and your data stays yours.", "See your whole month at a glance."),
        buttons=("Open an account", "See the rates", "Get a quote"),
    ),
    "food": Voice(
        benefits=("cook dinner in twenty minutes", "eat well on a Tuesday", "waste less and taste more",
                  "bring the market to your door", "make lunch the best part of the day", "bake bread at the weekend",
                  "feed four without the fuss", "start the morning with something warm", "taste the season",
                  "get the kids to eat greens", "skip the supermarket", "drink better coffee at home"),
        things=("a box of what is ripe this week", "soup that tastes of home", "the breakfast you get up for",
                "coffee roasted on Monday", "a weeknight dinner worth sitting down for", "sourdough by the slice",
                "the good olive oil", "a pantry that is ready when you are"),
        topics=("weeknight dinners", "good coffee", "leftovers", "olive oil", "school lunches", "fresh pasta"),
        people=("busy parents", "home cooks", "hungry students", "bakers", "people who love breakfast"),
        pains=("meal planning", "soggy salads", "food waste", "the same three recipes", "long ingredient lists"),
        gains=("flavour", "crunch", "family dinners", "vegetables", "second helpings"),
        offers=("First box half price", "Free dessert with every order", "Free delivery before noon",
                "3 dinners for $29", "Save 20% on your first basket", "Free tasting bag with every order"),
        bodies=("Picked this week, at your door by Thursday.", "Six ingredients, one pan, nobody complaining.",
                "From farms an hour away.", "Skip a week whenever you like.",
                "Real butter, no shortcuts.", "Recipes that work the first time."),
        buttons=("Order now", "See the menu", "Get my box"),
    ),
    "fitness": Voice(
        benefits=("get stronger in twenty minutes a day", "run your first five kilometres", "move without pain",
                  "train at home like you mean it", "find the habit that sticks", "lift more with less strain",
                  "start where you are", "feel awake by eight", "enjoy Monday mornings again",
                  "train around your real life", "stretch your way to better sleep", "beat your own record"),
        things=("a plan that bends with your week", "the class you will not skip", "a coach in your pocket",
                "twenty minutes that change the day", "shoes that forgive", "a gym without mirrors",
                "strength training for beginners", "the friendliest club in town"),
        topics=("running", "strength training", "rest days", "morning workouts", "good form", "stretching"),
        people=("beginners", "busy parents", "runners", "desk workers", "people who hate the gym"),
        pains=("crowded gyms", "sore knees", "excuses", "long contracts", "boring workouts"),
        gains=("energy", "strength", "good mornings", "rest", "personal bests"),
        offers=("First month free", "14 days free, no card needed", "40% off annual plans", "Bring a friend for free",
                "No joining fee this week", "3 classes for $15"),
        bodies=("Short sessions, real coaches, no shouting.", "Pause or cancel from your phone.",
                "Built for bodies with a job and a family.", "You bring the shoes. We bring the plan.",
                "See progress in weeks, keep it for years.", "Every level, every day, from six in the morning."),
        buttons=("Start training", "Find a class", "Join the club"),
    ),
    "software": Voice(
        benefits=("close the month in a day", "keep the whole team on one page", "ship on Friday and sleep",
                  "answer customers before lunch", "stop copying and pasting", "find any file in a second",
                  "run meetings that end early", "see every project at a glance", "hand over work without a call",
                  "turn notes into next steps", "automate the boring part", "get an hour back every day"),
        things=("an inbox that sorts itself", "the last project tool you will set up", "notes that find you",
                "a dashboard people open", "one home for your team's work", "support that scales with you",
                "invoices that send themselves", "a calmer way to plan"),
        topics=("remote teams", "spreadsheets", "status meetings", "customer support", "onboarding", "deadlines"),
        people=("team leads", "freelancers", "product teams", "founders", "busy accountants"),
        pains=("status meetings", "lost files", "copy and paste", "ten open tabs", "Sunday night emails"),
        gains=("focus", "finished work", "quiet mornings", "answers", "time to think"),
        offers=("Free for teams of five", "Try it free for 30 days", "50% off the first year", "Free import from any tool",
                "Set up in 10 minutes", "No card needed to start"),
        bodies=("Works with the tools you already have.", "Set up before your coffee is cold.",
                "Your data stays yours and leaves when you do.", "One price for the whole team.",
                "Real people answer within the hour.", "Less typing, fewer meetings, more done."),
        buttons=("Start free", "See a demo", "Try it now"),
    ),
    "home": Voice(
        benefits=("make a small room feel bigger", "sleep better tonight", "warm up the living room",
                  "find a sofa that fits", "light the evening well", "keep the cold out for good",
                  "bring the garden indoors", "tidy the hall once and for all", "love your kitchen again",
                  "furnish a flat in a weekend", "give every key a place", "come home to something soft"),
        things=("a lamp that warms the whole room", "the sofa that comes through the door", "linen that gets softer",
                "a mattress you can send back", "shelves that grow with you", "a kitchen that works",
                "the chair everyone fights for", "a bed made to last"),
        topics=("small rooms", "good light", "mattresses", "oak floors", "cosy corners", "storage"),
        people=("renters", "new home owners", "young families", "people with small flats", "designers"),
        pains=("flat-pack evenings", "cold floors", "clutter", "wobbly tables", "long delivery times"),
        gains=("warmth", "space", "daylight", "comfort", "quiet"),
        offers=("100 nights to try it", "Free delivery to your room", "20% off all lamps", "Save $80 on bedding",
                "Free fabric samples by post", "Old sofa taken away free"),
        bodies=("Solid wood, no tricks, ten-year guarantee.", "Delivered in days and carried upstairs.",
                "Made to be repaired, not replaced.", "Soft light for long evenings.",
                "Measure once. We help with the rest.", "Designed for rooms that are smaller than in magazines."),
        buttons=("Shop the room", "See the range", "Order samples"),
    ),
    "beauty": Voice(
        benefits=("wake up to calmer skin", "keep your routine to two steps", "glow without the glitter",
                  "wash your face like you mean it", "read the label and smile", "feel good bare-faced",
                  "find your shade in a minute", "care for dry hands", "take the day off your face",
                  "protect your skin every morning", "let your hair rest", "look rested on a Monday"),
        things=("a cream with nine ingredients", "the serum that does one thing well", "soap for sensitive skin",
                "a morning routine in two steps", "sunscreen that disappears", "a lipstick that stays kind",
                "shampoo without the small print", "the balm for everything"),
        topics=("sensitive skin", "sunscreen", "dry hands", "night creams", "simple routines", "ingredients"),
        people=("skin care beginners", "dermatology nurses", "people with dry skin", "early risers",
                "fans of short labels"),
        pains=("ten-step routines", "hidden perfume", "sticky creams", "empty promises", "irritated skin"),
        gains=("glow", "calm", "softness", "honest labels", "sleep"),
        offers=("Free samples with every order", "2 creams for $30", "20% off your first routine",
                "Free refill with every bottle", "Send it back within 45 days", "Free shade match by phone"),
        bodies=("Nine ingredients. You can pronounce all of them.", "Made in small batches, tested on willing friends.",
                "No perfume, no rush, no drama.", "Light enough for every morning.",
                "Refill the bottle, keep the shelf tidy.", "Gentle on skin and on the river."),
        buttons=("Find your shade", "Shop the routine", "Try a sample"),
    ),
}  # fmt: skip
