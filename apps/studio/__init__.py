"""The web app for marketers: upload a creative, see its score, improve the creative, download the result.

    app       build_app(pipeline): the page as a whole
    pages     layout of the page, and the wiring of buttons to handlers
    handlers  actions of the buttons: plain functions and generators, testable without a browser
    html      fragments of the page as HTML
    sessions  ads, jobs and the model queue of each visitor; the private folder for uploads
    doors     access control of requests
    port      interface that the app needs of the pipeline
    launch    starts the server, and prints warnings

The wheel installs this folder as adcreative/_studio; imports inside the package are relative for that reason.
"""
