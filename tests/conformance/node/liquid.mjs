// What liquidjs prints for each template and its variables; null where it stops with an error.
import {Liquid} from 'liquidjs';
import {given, tell} from './pipe.mjs';

const engine = new Liquid({ownPropertyOnly: true, timezoneOffset: 0, cache: false});
tell(
    given.map(({template, context}) => {
        try {
            return engine.parseAndRenderSync(template, context);
        } catch {
            return null;
        }
    }),
);
