module.exports = { editor: { defineTheme: () => undefined, remeasureFonts: () => undefined } };
