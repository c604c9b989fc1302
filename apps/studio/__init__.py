"""The web app for marketers: bring a creative, see its score, improve it, take the result away.

    app       build_app(pipeline): the page as a whole
    pages     what stands where, and which button calls which handler
    handlers  what the buttons do: plain functions and generators, testable without a browser
    html      pieces of the page as HTML
    sessions  whose ad, whose work, whose turn at the model; the private folder for uploads
    doors     who may talk to the app
    port      what the app needs of the pipeline
    launch    serves it, and warns

In the wheel this folder is adcreative/_studio; imports of one another are relative for that reason.
"""
