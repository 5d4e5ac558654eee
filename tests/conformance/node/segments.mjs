// How Twilio's calculator counts each text by SMS, and each by RCS to a number of the US and abroad.
import calculator from 'sms-segments-calculator';
import {given, tell} from './pipe.mjs';

const {SegmentedMessage, RcsSegmentedMessage} = calculator;
tell(
    given.map((text) => {
        const sms = new SegmentedMessage(text);
        const units = sms.encodedChars.reduce((sum, {codeUnits}) => sum + codeUnits.length, 0);
        const [us, abroad] = ['us', 'international'].map((to) => new RcsSegmentedMessage(text, to));
        return {
            sms: [sms.encodingName, units, sms.segmentsCount],
            rcs: [us.numberOfBytes, us.segmentsCount, abroad.messageType.toLowerCase()],
        };
    }),
);
