// Shows the API's description with Swagger UI. Every address is relative to this file, because the page is served below a
// stage, behind domains, and with and without a final slash.
"use strict";

SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#description",
  // Swagger UI would send the description's address to a validator of its makers.
  validatorUrl: null,
  // A token stays in the page's memory.
  persistAuthorization: false,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
