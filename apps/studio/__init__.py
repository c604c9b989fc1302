"""The web app for marketers: bring a creative, see its score, improve it, take the result away.

    app         build_app(pipeline): the page and which button calls which handler, up to the edit
    step_pages  the page after the edit (words, test plan, approval, export), and the page of an account
    parts       building blocks of both: fragments, and uploads that are uploads
    wishes      what the form says, as records
    handlers    what the buttons do up to the edit: plain functions and generators, testable without a browser
    steps       what the later buttons do
    fragments   pieces of the page as HTML; step_fragments for the later steps
    jobs        one search in a thread, with progress and a stop that stops, kept while its page is closed
    privacy     the settings it is served with, and a private temporary folder
    launch      serves it, and warns

In the wheel this folder is adcreative/_studio; imports of one another are relative for that reason.
"""
