"""The image, the chart, the alerts: what operators get, tried with the tools that they use."""
