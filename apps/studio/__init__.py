"""The web app for marketers: bring a creative, see its score, improve it, take the result away.

    app         build_app(pipeline): the page and which button calls which handler
    handlers    what the buttons do: plain functions and generators, testable without a browser
    jobs        one search in a thread, with progress and a stop that stops
    launch      how the page is served: the safe settings, a private temporary folder, the warning

In the wheel this folder is adcreative/_studio; imports of one another are relative for that reason.
"""
